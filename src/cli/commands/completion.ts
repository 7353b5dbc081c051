import { Argument } from 'commander';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { renderCompletion, SHELLS } from '../render/completion.js';
import type { Shell } from '../render/completion.js';

/** `carna completion bash|zsh`. */
export function registerCompletion(program: Command, context: Context): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>').choices([...SHELLS]))
    .addHelpText(
      'after',
      `
Examples:
  source <(carna completion bash)
  carna completion zsh > "\${fpath[1]}/_carna"`,
    )
    .action((shell: Shell) => {
      context.print(...renderCompletion(program, shell));
    });
}
