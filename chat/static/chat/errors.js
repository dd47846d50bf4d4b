// What can go wrong, told in words for the user.

// `isSignedOut` offers a way to sign in beside the message.
export class PageError extends Error {
  constructor(message, isSignedOut = false) {
    super(message);
    this.isSignedOut = isSignedOut;
  }
}

// The error for a response that is not 2xx: the server's own message, unless the page can say what to do about it.
export async function responseError(response) {
  const message = await response.json().then((body) => body.error?.message ?? body.detail, () => undefined);
  if (response.status === 401) return new PageError("You are signed out. Sign in, then try again.", true);
  if (response.status === 404) return new PageError("This personality no longer exists. Choose another one.");
  if (response.status === 413) return new PageError("This conversation has become too long. Start a new one.");
  if (response.status === 429) return new PageError(`${whoRefuses(message)} Try again ${soon(response.headers.get("Retry-After"))}.`);
  return new PageError(message ?? `The server answered ${response.status}. Try again in a moment.`);
}

// A language model that is asked too often, by whomever, is not the same as a user who asks too often.
const whoRefuses = (message) => (message?.startsWith("The language model") ? message : "Too many requests.");
const soon = (seconds) => (seconds ? `in ${seconds} ${seconds === "1" ? "second" : "seconds"}` : "in a moment");

// fetch and its streams throw TypeError when the connection fails. Anything else is a bug, and thrown again.
export function toPageError(error) {
  if (error instanceof PageError) return error;
  if (error instanceof TypeError) return new PageError("The server does not answer. Check your connection, then try again.");
  throw error;
}
