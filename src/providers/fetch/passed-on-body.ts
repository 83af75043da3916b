/** What is notified of a body that is passed on. */
export interface BodyObserver {
  /** Called with each chunk, before the reader has it. */
  onChunk(chunk: Uint8Array): void;
  /** The reader wants no more. */
  onLeave(reason: unknown): void;
  /** Resolves when the end of the body has been accounted for; only then does the reader see it. */
  readonly settled: Promise<void>;
}

/** A body on its way to its reader. */
export interface PassedOnBody {
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves when the body has ended or its reader has left; rejects when it was cut. */
  readonly ended: Promise<void>;
}

/** Passes a body on, a chunk at a time and only when its reader asks for one. */
export function passOn(response: Response, { onChunk, onLeave, settled }: BodyObserver): PassedOnBody {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const ended = new Promise<void>((onEnd, onCut) => {
    resolve = onEnd;
    reject = onCut;
  });
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      const { done, value } = await reader.read();
      if (done) {
        resolve();
        await settled;
        controller.close();
        return;
      }
      onChunk(value);
      controller.enqueue(value);
    } catch (error) {
      reject(error);
      await settled;
      controller.error(error);
    }
  };
  const cancel = (reason: unknown): void => {
    reader.cancel(reason).catch(() => {});
    resolve();
    onLeave(reason);
  };
  return { body: new ReadableStream({ pull, cancel }, { highWaterMark: 0 }), ended };
}
