import { z } from 'zod';
import type {
  ContainerFacts,
  ContainerSummary,
  EngineEvent,
  EngineInfo,
  ImageFacts,
  PullMessage,
} from './docker-port.js';

/** A line of JSON in a stream of the engine's; longer ones are no answer of Docker's. */
export const MAX_JSON_LINE_LENGTH = 1_000_000;

const labels = z.record(z.string(), z.string()).nullish();
const words = z.array(z.string()).nullish();

const container = z
  .object({
    Id: z.string(),
    Name: z.string(),
    Image: z.string(),
    State: z.object({
      Status: z.string(),
      Running: z.boolean(),
      OOMKilled: z.boolean(),
      ExitCode: z.number(),
      StartedAt: z.string(),
    }),
    Config: z.object({ Cmd: words, Labels: labels }),
    HostConfig: z.object({
      NetworkMode: z.string(),
      PidMode: z.string(),
      Memory: z.number().default(0),
    }),
    Mounts: z
      .array(
        z.object({
          Type: z.string(),
          Name: z.string().default(''),
          Source: z.string().default(''),
          Destination: z.string(),
          RW: z.boolean(),
        }),
      )
      .nullish(),
  })
  .transform((c): ContainerFacts => ({
    id: c.Id,
    name: c.Name.replace(/^\//, ''),
    imageId: c.Image,
    status: c.State.Status,
    isRunning: c.State.Running,
    exitCode: c.State.ExitCode,
    isOomKilled: c.State.OOMKilled,
    startedAt: c.State.StartedAt,
    command: c.Config.Cmd ?? [],
    labels: c.Config.Labels ?? {},
    networkMode: c.HostConfig.NetworkMode,
    pidMode: c.HostConfig.PidMode,
    memoryBytes: c.HostConfig.Memory,
    mounts: (c.Mounts ?? []).map((m) => ({
      type: m.Type,
      name: m.Name,
      source: m.Source,
      destination: m.Destination,
      isReadOnly: !m.RW,
    })),
  }));

const image = z
  .object({ Id: z.string(), Config: z.object({ Cmd: words }).nullish() })
  .transform((i): ImageFacts => ({ id: i.Id, command: i.Config?.Cmd ?? [] }));

const summaries = z.array(
  z
    .object({
      Id: z.string(),
      Names: words,
      State: z.string(),
      Labels: labels,
      Created: z.number(),
    })
    .transform((c): ContainerSummary => ({
      id: c.Id,
      name: c.Names?.[0]?.replace(/^\//, '') ?? c.Id.slice(0, 12),
      status: c.State,
      labels: c.Labels ?? {},
      createdSeconds: c.Created,
    })),
);

const info = z
  .object({
    CgroupDriver: z.string().default('none'),
    LiveRestoreEnabled: z.boolean().default(false),
    ServerVersion: z.string().default(''),
  })
  .transform((i): EngineInfo => ({
    cgroupDriver: i.CgroupDriver,
    isLiveRestore: i.LiveRestoreEnabled,
    majorVersion: Number(/^\d+/.exec(i.ServerVersion)?.[0] ?? 0),
  }));

const event = z
  .object({
    Action: z.string(),
    Actor: z.object({ Attributes: z.record(z.string(), z.string()).nullish() }).nullish(),
  })
  .transform((e): EngineEvent => {
    const code = e.Actor?.Attributes?.['exitCode'] ?? '';
    return { action: e.Action, exitCode: /^-?\d+$/.test(code) ? Number(code) : null };
  });

const pull = z
  .object({
    id: z.string().default(''),
    status: z.string().default(''),
    progressDetail: z
      .object({ current: z.number().default(0), total: z.number().default(0) })
      .nullish(),
    error: z.string().nullish(),
  })
  .transform((p): PullMessage => ({
    layer: p.id,
    status: p.status,
    doneBytes: p.progressDetail?.current ?? 0,
    totalBytes: p.progressDetail?.total ?? 0,
    error: p.error ?? null,
  }));

const readerOf =
  <T>(schema: z.ZodType<T>) =>
  (value: unknown): T | null => {
    const parsed = schema.safeParse(value);
    return parsed.success ? parsed.data : null;
  };

/** Each gives null for what Docker would not answer. Pure. */
export const readContainer = readerOf(container);
export const readImage = readerOf(image);
export const readSummaries = readerOf(summaries);
export const readInfo = readerOf(info);
export const readEvent = readerOf(event);
export const readPullMessage = readerOf(pull);

/**
 * Cuts a stream into lines of JSON and reads each with `read`; a line that it refuses gives null, and so
 * does a line longer than MAX_JSON_LINE_LENGTH, which ends the stream.
 */
export async function* jsonLines<T>(
  bytes: AsyncIterable<Buffer>,
  read: (value: unknown) => T | null,
): AsyncGenerator<T | null> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const piece of bytes) {
    const lines = (held + decoder.decode(piece, { stream: true })).split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() !== '') yield read(parseJson(line));
    }
    if (held.length > MAX_JSON_LINE_LENGTH) {
      yield null;
      return;
    }
  }
  if (held.trim() !== '') yield read(parseJson(held));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
