/** One message of a stream after the other, as a test says. */
export class FakeStream<T> implements AsyncIterable<T> {
  #queue: T[] = [];
  #wake: () => void = () => undefined;
  #isOver = false;
  #fault: Error | null = null;

  constructor(over?: AbortSignal) {
    over?.addEventListener('abort', () => this.end());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  push(...items: T[]): this {
    this.#queue.push(...items);
    this.#wake();
    return this;
  }

  end(fault: Error | null = null): void {
    this.#isOver = true;
    this.#fault = fault;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#queue.shift();
      if (item !== undefined) yield item;
      else if (this.#isOver) break;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#fault !== null) throw this.#fault;
  }
}

/** A frame of a container's output. */
export function frame(text: string, stream: 1 | 2 = 1): Buffer {
  const content = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}
