import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** One question to one server. */
export interface Question {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly caPem?: string;
  /** Until the connection stands, with TLS when there is TLS. */
  readonly connectTimeoutMs: number;
  /** From then on until the head of the answer is there. */
  readonly answerTimeoutMs: number;
}

/** Why there is no answer: the network, the clock, what the server sent, or our caller. */
export type Fault = 'network' | 'late' | 'answer' | 'stopped';

/** No answer. `wasSent` false: the server cannot have seen the question. */
export interface NoAnswer {
  readonly kind: 'failed';
  readonly wasSent: boolean;
  readonly fault: Fault;
  readonly why: string;
}

/** What became of a question. */
export type Exchange<T> = { readonly kind: 'answer'; readonly answer: T } | NoAnswer;

/** An answer with its whole body. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  readonly body: Uint8Array;
}

/**
 * Opens a connection of its own, asks, and gives the head of the answer with the body still to be read.
 * A connection is never used twice: one that the server is just closing would leave it unknown whether
 * the request arrived. The caller destroys the answer. Never rejects.
 */
export async function openAnswer(
  question: Question,
  signal: AbortSignal,
): Promise<Exchange<IncomingMessage>> {
  if (signal.aborted) return failed(false, 'stopped', 'stopped');
  return new Promise((resolve) => {
    const isTls = question.url.protocol === 'https:';
    const request = (isTls ? httpsRequest : httpRequest)(question.url, {
      method: question.method,
      headers: question.headers,
      agent: false,
      ...(question.caPem === undefined ? {} : { ca: question.caPem }),
    });
    let wasSent = false;
    const settle = (exchange: Exchange<IncomingMessage>): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      if (exchange.kind === 'failed') request.destroy();
      resolve(exchange);
    };
    const late = (): void =>
      settle(failed(wasSent, 'late', wasSent ? 'no answer' : 'no connection'));
    const stop = (): void => settle(failed(wasSent, 'stopped', 'stopped'));
    let timer = setTimeout(late, question.connectTimeoutMs);
    signal.addEventListener('abort', stop);
    request.on('error', (err) => settle(failed(wasSent, 'network', reasonOf(err))));
    request.on('response', (answer) => settle({ kind: 'answer', answer }));
    request.on('socket', (socket) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        wasSent = true;
        clearTimeout(timer);
        timer = setTimeout(late, question.answerTimeoutMs);
        request.end(question.body);
      });
    });
  });
}

/** Asks and reads the whole answer, `maxBytes` at most and by the deadline of the answer. Never rejects. */
export async function exchange(
  question: Question,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Exchange<Answer>> {
  const startMs = performance.now();
  const opened = await openAnswer(question, signal);
  if (opened.kind === 'failed') return opened;
  const leftMs =
    question.connectTimeoutMs + question.answerTimeoutMs - (performance.now() - startMs);
  const { answer } = opened;
  const read = await readBody(answer, maxBytes, Math.max(1, leftMs), signal);
  answer.destroy();
  if (read.kind === 'failed') return read;
  return {
    kind: 'answer',
    answer: {
      status: answer.statusCode ?? 0,
      contentType: answer.headers['content-type'] ?? '',
      location: answer.headers.location,
      body: read.answer,
    },
  };
}

function readBody(
  answer: IncomingMessage,
  maxBytes: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Exchange<Uint8Array>> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    const settle = (read: Exchange<Uint8Array>): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(read);
    };
    const stop = (): void => settle(failed(true, 'stopped', 'stopped'));
    const timer = setTimeout(
      () => settle(failed(true, 'late', 'the answer did not end')),
      timeoutMs,
    );
    signal.addEventListener('abort', stop);
    answer.on('data', (chunk: Uint8Array) => {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) {
        settle(failed(true, 'answer', `the answer has more than ${maxBytes} bytes`));
        answer.destroy();
      } else chunks.push(chunk);
    });
    answer.on('end', () => settle({ kind: 'answer', answer: Buffer.concat(chunks) }));
    answer.on('error', (err) => settle(failed(true, 'answer', `half an answer: ${reasonOf(err)}`)));
    answer.on('close', () => settle(failed(true, 'answer', 'half an answer')));
  });
}

function failed(wasSent: boolean, fault: Fault, why: string): NoAnswer {
  return { kind: 'failed', wasSent, fault, why };
}

/** Some errors of the network have a code and an empty message. */
function reasonOf(err: Error): string {
  const code = (err as NodeJS.ErrnoException).code;
  return err.message === '' ? (code ?? err.name) : err.message;
}
