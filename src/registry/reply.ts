/** The session reply is shorter before ZooKeeper 3.4. */
const SESSION_REPLY_BYTES = new Set([40, 41]);
const PASSWORD_BYTES = 16;
const MAX_SESSION_TIMEOUT_MS = 3_600_000;
const HEAD_BYTES = 20;

/** True for a frame (with its length prefix) that can be ZooKeeper's answer to the handshake. */
export function isSessionReply(frame: Buffer): boolean {
  return (
    SESSION_REPLY_BYTES.has(frame.length) &&
    frame.readInt32BE(8) <= MAX_SESSION_TIMEOUT_MS &&
    frame.readInt32BE(20) === PASSWORD_BYTES
  );
}

/** The error code of a reply to a request, 0 for success. Throws on a frame without a whole head. */
export function replyCode(frame: Buffer): number {
  if (frame.length < HEAD_BYTES) throw new Error('a reply shorter than its header');
  return frame.readInt32BE(16);
}
