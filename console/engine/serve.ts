import type { AnswerMessage, AskMessage, CallFailure, CallName, Calls } from './protocol.js';

/** A call that is not answered, for a reason that the page shows. */
export class CallError extends Error {
  override readonly name = 'CallError';

  constructor(
    readonly code: CallFailure['code'],
    message: string,
  ) {
    super(message);
  }
}

/** What answers each call. */
export type Answers = {
  [Name in CallName]: (
    ask: Calls[Name]['ask'],
    onPart: (part: Calls[Name] extends { part: infer Part } ? Part : never) => void,
  ) => Calls[Name]['answer'] | Promise<Calls[Name]['answer']>;
};

/**
 * Answers one message.
 * @param send gets parts, and the answer or the failure
 */
export async function serve(
  answers: Answers,
  { id, call, ask }: AskMessage,
  send: (message: AnswerMessage) => void,
): Promise<void> {
  const answer = answers[call];
  try {
    if (answer === undefined) throw new CallError('internal', 'The engine does not know this call.');
    send({ id, answer: await answer(ask as never, (part: unknown) => send({ id, part })) });
  } catch (error) {
    const isOurs = error instanceof CallError;
    const code = isOurs ? error.code : 'internal';
    // The message of any other error may quote the data.
    send({ id, failure: { code, message: isOurs ? error.message : 'The engine failed unexpectedly.' } });
  }
}
