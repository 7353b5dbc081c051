import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh'] as const;
export type Shell = (typeof SHELLS)[number];

/** Words that may follow a path of commands, for example `lab up` → `--media --dispatchers …`. */
interface Level {
  /** Command names joined by a space; empty = the program itself. */
  readonly path: string;
  readonly words: readonly string[];
}

/** Lines of a completion script that knows every command, option and choice of the tree. Pure. */
export function renderCompletion(program: Command, shell: Shell): string[] {
  const levels = levelsOf(program, '');
  return shell === 'bash' ? bashScript(levels) : zshScript(levels);
}

function levelsOf(command: Command, path: string): Level[] {
  const visible = command.createHelp().visibleCommands(command);
  const options = command.createHelp().visibleOptions(command);
  const words = [
    ...visible.map((sub) => sub.name()),
    ...options.flatMap((option) => (option.long === undefined ? [] : [option.long])),
    ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  ];
  const below = visible
    .filter((sub) => sub.name() !== 'help')
    .flatMap((sub) => levelsOf(sub, path === '' ? sub.name() : `${path} ${sub.name()}`));
  return [{ path, words }, ...below];
}

/** Extends `at` by each word as long as that names a deeper command. */
function walk(levels: readonly Level[], words: string): string[] {
  const paths = levels.filter((level) => level.path !== '').map((level) => `'${level.path}'`);
  return [
    `  local word at=''`,
    `  for word in ${words}; do`,
    `    case "\${at:+$at }$word" in`,
    `      ${paths.join('|')}) at="\${at:+$at }$word" ;;`,
    `    esac`,
    `  done`,
  ];
}

function bashScript(levels: readonly Level[]): string[] {
  return [
    '_carna() {',
    '  local offered=""',
    ...walk(levels, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"'),
    '  case "$at" in',
    ...levels.map(({ path, words }) => `    '${path}') offered='${words.join(' ')}' ;;`),
    '  esac',
    '  COMPREPLY=($(compgen -W "$offered" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -F _carna carna',
  ];
}

function zshScript(levels: readonly Level[]): string[] {
  return [
    '#compdef carna',
    '_carna() {',
    ...walk(levels, '"${(@)words[2,CURRENT-1]}"'),
    '  case "$at" in',
    ...levels.map(({ path, words }) => `    '${path}') compadd -- ${words.join(' ')} ;;`),
    '  esac',
    '}',
    'compdef _carna carna',
  ];
}
