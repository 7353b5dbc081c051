import type { BinrpcMessage } from '../../../src/protocols/binrpc/codec.js';
import { BinrpcDecoder } from '../../../src/protocols/binrpc/codec.js';

/** The bytes that `text` spells in hex. */
export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** fast-check prints seed and path of a failure. */
export const RUNS = { numRuns: 2000 };

/** What a new decoder makes of `bytes`. */
export const decode = (bytes: Buffer): BinrpcMessage[] => new BinrpcDecoder().push(bytes);
