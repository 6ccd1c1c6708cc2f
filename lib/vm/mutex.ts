// One thing at a time, in the order asked: a VM's changes of state go through one of these.

export class Mutex {
  private tail: Promise<unknown> = Promise.resolve();

  /** Runs the task when all before it are done, whether they failed or not. */
  run<T>(task: () => Promise<T> | T): Promise<T> {
    const result = this.tail.then(task);
    this.tail = result.catch(() => undefined);
    return result;
  }
}
