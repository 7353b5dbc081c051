import { runApi } from './api-commands.js';
import type { ApiContext } from './api-context.js';
import { headerOf } from './esl-command.js';
import type { EslCommand } from './esl-command.js';
import type { EventBus } from './event-bus.js';
import type { EventHeader } from './switch-event.js';

const BACKGROUND_JOB = { file: 'mod_event_socket.c', function: 'api_exec', line: 1569 };
const SENDEVENT = { file: 'mod_event_socket.c', function: 'parse_command', line: 2272 };

/** Runs an `api` line and tells its output as BACKGROUND_JOB. */
export async function runJob(line: string, jobUuid: string, context: ApiContext): Promise<void> {
  const space = line.indexOf(' ');
  const output = await runApi(line, context);
  const headers: EventHeader[] = [
    ['Job-UUID', jobUuid],
    ['Job-Command', space < 0 ? line : line.slice(0, space)],
    ['Job-Command-Arg', space < 0 ? '' : line.slice(space + 1)],
  ];
  context.switch.bus.emit('BACKGROUND_JOB', BACKGROUND_JOB, headers, output);
}

/** The event of a client's `sendevent NAME`, with its headers and its body. */
export function emitSent(command: EslCommand, name: string, uuid: string, bus: EventBus): void {
  const own = command.headers.filter(([header]) => header.toLowerCase() !== 'event-subclass');
  const subclass = headerOf(command, 'event-subclass');
  const before: EventHeader[] = [['Command', command.line], ...own, ['Event-UUID', uuid]];
  if (name.toUpperCase() === 'CUSTOM' && subclass !== undefined) {
    bus.emitCustom(subclass, SENDEVENT, { before, body: command.body });
  } else {
    bus.emit(name.toUpperCase(), SENDEVENT, before, command.body);
  }
}
