import { readFileSync, writeFileSync } from 'node:fs';
import { readmeWithTables } from './readme.js';

writeFileSync('README.md', readmeWithTables(readFileSync('README.md', 'utf8')));
