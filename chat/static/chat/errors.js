// What can go wrong, told in words for the user: what it is, whose it is, and what to do.

// `remedy` is offered beside the message: "sign-in" or "reload". `param` names what the server refused.
export class PageError extends Error {
  constructor(message, { remedy, param, status } = {}) {
    super(message);
    Object.assign(this, { remedy, param, status });
  }
}

// The error for a response that is not 2xx: the server's own message, unless the page can say what to do about it.
export async function responseError(response) {
  const told = await response.json().then((body) => body.error ?? { message: body.detail }, () => ({}));
  const more = { param: told.param, status: response.status };
  if (response.status === 401) return new PageError("You are signed out of Companion. Sign in, then try again: your draft stays.", { ...more, remedy: "sign-in" });
  if (told.code === "csrf_failed" || /CSRF/.test(told.message)) return new PageError("This page is no longer valid, because its cookie is gone or you have signed in elsewhere. Reload it: the conversation stays.", { ...more, remedy: "reload" });
  return new PageError(inWords(response, told), more);
}

function inWords({ status, headers }, { code, message = "" }) {
  if (code === "conversation_not_found" || message.startsWith("You have no conversation")) return "This conversation is no longer kept. Start a new one.";
  if (status === 404) return "This personality no longer exists. Choose another one.";
  if (status === 413) return "This conversation has become too long. Start a new one.";
  if (status === 429) return `${whoRefuses(message)} Try again ${soon(headers.get("Retry-After"))}.`;
  return ofTheModel(message) ?? (message || `The server answered ${status}. Try again in a moment.`);
}

// A language model that is asked too often, by whomever, is not the same as a user who asks too often.
const whoRefuses = (message) => (message.startsWith("The language model") ? message : "Too many requests.");
const soon = (seconds) => (seconds ? `in ${seconds} ${seconds === "1" ? "second" : "seconds"}` : "in a moment");

// The user can do nothing about a key or a model that Companion has wrong, but somebody can.
function ofTheModel(message) {
  const status = /^The language model failed \((\d+)\)/.exec(message)?.[1];
  if (status === "401" || status === "403") return `The language model refuses Companion's own key (${status}). You are signed in: whoever runs Companion must set LLM_API_KEY anew.`;
  if (status === "404") return "The language model's server does not know the model (404). Whoever runs Companion must check LLM_MODEL and LLM_BASE_URL.";
  return undefined;
}

// fetch and its streams throw TypeError when the connection fails. Anything else is a bug, and thrown again.
export function toPageError(error) {
  if (error instanceof PageError) return error;
  if (!(error instanceof TypeError)) throw error;
  if (!navigator.onLine) return new PageError("You are offline. Connect, then try again: the conversation stays.");
  return new PageError("The server does not answer. Check your connection, then try again.");
}
