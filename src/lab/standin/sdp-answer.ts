/** What we can play: static payload types 0 (PCMU) and 8 (PCMA). */
const CODECS: Readonly<Record<string, string>> = { '0': 'PCMU/8000', '8': 'PCMA/8000' };

export interface MediaAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * The answer to an offer: the first audio stream with a codec of ours, every other stream refused by port 0.
 * An empty offer gets an offer of ours. Null when nothing fits. Pure.
 */
export function answerSdp(offer: string, media: MediaAddress, sessionId: number): string | null {
  const streams = offer.split(/\r?\n/).filter((line) => line.startsWith('m='));
  if (offer.trim() === '') return write(media, sessionId, [accept(media, '0')]);
  let isTaken = false;
  const answers = streams.flatMap((line) => {
    const [kind = '', port = '0', proto = '', ...formats] = line.slice(2).trim().split(/\s+/);
    const codec = formats.find((format) => CODECS[format] !== undefined);
    const fits = kind === 'audio' && port !== '0' && proto === 'RTP/AVP' && codec !== undefined;
    if (isTaken || !fits) return [`m=${kind} 0 ${proto} ${formats[0] ?? '0'}`];
    isTaken = true;
    return [accept(media, codec)];
  });
  return isTaken ? write(media, sessionId, answers) : null;
}

function accept(media: MediaAddress, codec: string): string {
  return [
    `m=audio ${media.port} RTP/AVP ${codec}`,
    `a=rtpmap:${codec} ${CODECS[codec] ?? ''}`,
    'a=ptime:20',
    'a=sendrecv',
  ].join('\r\n');
}

function write(media: MediaAddress, sessionId: number, streams: readonly string[]): string {
  return [
    'v=0',
    `o=carna ${sessionId} ${sessionId} IN IP4 ${media.host}`,
    's=carna',
    `c=IN IP4 ${media.host}`,
    't=0 0',
    ...streams,
    '',
  ].join('\r\n');
}
