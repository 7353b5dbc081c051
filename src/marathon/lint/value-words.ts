import type { FieldType } from '../field-types.js';
import { isList, isObject } from './json.js';
import type { Json } from './json.js';

/** Is the value itself (not what is in it) of the type? */
export function isExpected(value: Json | undefined, type: FieldType): boolean {
  switch (type.kind) {
    case 'text':
      return (
        typeof value === 'string' &&
        [...value].length >= type.minLength &&
        [...value].length <= type.maxLength &&
        (type.pattern === null || new RegExp(type.pattern).test(value))
      );
    case 'number':
      return (
        typeof value === 'number' &&
        (!type.isWhole || Number.isInteger(value)) &&
        value >= type.min &&
        value <= type.max
      );
    case 'flag':
      return typeof value === 'boolean';
    case 'words':
      return typeof value === 'string' && type.words.includes(value);
    case 'list':
      return (
        isList(value) &&
        value.length >= type.minItems &&
        value.length <= type.maxItems &&
        (!type.isUnique || new Set(value.map((item) => JSON.stringify(item))).size === value.length)
      );
    case 'map':
    case 'object':
      return isObject(value);
    case 'either':
      return type.of.some((one) => isExpected(value, one));
    case 'gone':
      return false;
  }
}

/** A type for people. */
export function expectedOf(type: FieldType): string {
  switch (type.kind) {
    case 'text':
      return type.pattern === null ? `a text${lengthOf(type)}` : textLike(type.pattern);
    case 'number':
      return `${type.isWhole ? 'a whole number' : 'a number'}${rangeOf(type.min, type.max)}`;
    case 'flag':
      return 'true or false';
    case 'words':
      return type.words.map((word) => `"${word}"`).join(' | ');
    case 'list': {
      const items = rangeOf(type.minItems === 0 ? -Infinity : type.minItems, type.maxItems);
      const count = items === '' ? '' : `, number of items${items}`;
      return `a list${type.isUnique ? ' without repetition' : ''} of ${expectedOf(type.of)}${count}`;
    }
    case 'map':
      return `an object whose values are ${expectedOf(type.of)}`;
    case 'object':
      return `an object (${type.shape().name})`;
    case 'either':
      return type.of.map(expectedOf).join(' or ');
    case 'gone':
      return 'nothing';
  }
}

function lengthOf(type: Extract<FieldType, { kind: 'text' }>): string {
  if (type.minLength === 0 && type.maxLength === Infinity) return '';
  return type.maxLength === Infinity ? ', not empty' : `, 1 to ${type.maxLength} characters`;
}

function textLike(pattern: string): string {
  if (pattern.includes('\\/')) {
    return 'a path of lower-case letters, digits and dashes, like /carna/dc1/media';
  }
  return `a text like ${pattern}`;
}

function rangeOf(min: number, max: number): string {
  if (min === -Infinity && max === Infinity) return '';
  if (max === Infinity) return ` of at least ${min}`;
  return min === -Infinity ? ` of at most ${max}` : ` from ${min} to ${max}`;
}

/** What to do about a wrong value, where more can be said than "correct it". */
export function valueHint(value: Json | undefined, type: FieldType): string | null {
  if (typeof value === 'string') {
    if (type.kind === 'words') return wordHint(value, type.words);
    if (type.kind === 'number') {
      if (/^\d+\s*[-:]\s*\d+$/.test(value)) {
        return 'Marathon has no port ranges: list the signalling ports, use host networking for RTP';
      }
      if (value.trim() !== '' && Number.isFinite(Number(value))) {
        return `write the number without quotes: ${Number(value)}`;
      }
    }
    if (type.kind === 'flag' && /^(true|false)$/i.test(value)) return 'write it without quotes';
    if (type.kind === 'text' && value.includes('_')) return 'use a dash: "_" is not allowed here';
  }
  if ((typeof value === 'number' || typeof value === 'boolean') && isTextual(type)) {
    return `put it in quotes: "${value}"`;
  }
  return null;
}

function wordHint(value: string, words: readonly string[]): string | null {
  const same = words.find((word) => word.toLowerCase() === value.toLowerCase());
  if (same !== undefined) return `write "${same}"`;
  return value === 'tcp,udp' ? 'write "udp,tcp": this order only' : null;
}

function isTextual(type: FieldType): boolean {
  return type.kind === 'text' || (type.kind === 'either' && type.of.some(isTextual));
}
