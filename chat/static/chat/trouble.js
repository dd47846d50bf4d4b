// What goes wrong, in words.

// Its message is for people; `isSignedOut` that they should sign in.
export class Trouble extends Error {
  constructor(message, isSignedOut = false) {
    super(message);
    this.isSignedOut = isSignedOut;
  }
}

// Of an answer that is none. Others are told best by the server itself: which language model, and what it is at.
export async function refusal(answer) {
  const told = await answer.json().then((body) => body.error?.message ?? body.detail, () => undefined);
  if (answer.status === 401) return new Trouble("You are signed out. Sign in, then try again.", true);
  if (answer.status === 404) return new Trouble("This personality is not there any more. Choose another one.");
  if (answer.status === 413) return new Trouble("This conversation has become too long. Begin a new one.");
  if (answer.status === 429) return new Trouble(`${who(told)} Try again ${soon(answer.headers.get("Retry-After"))}.`);
  return new Trouble(told ?? `The server answered ${answer.status}. Try again in a moment.`);
}

// Too many for the language model are not too many of this user's.
const who = (told) => (told?.startsWith("The language model") ? told : "Too many requests.");
const soon = (seconds) => (seconds ? `in ${seconds} ${seconds === "1" ? "second" : "seconds"}` : "in a moment");

// Of whatever was thrown: fetch and its streams throw TypeError when the connection fails.
export function asTrouble(error) {
  if (error instanceof Trouble) return error;
  if (error instanceof TypeError) return new Trouble("The server does not answer. Check your connection, then try again.");
  throw error;
}
