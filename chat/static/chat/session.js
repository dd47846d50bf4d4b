// Requests to this service, made with the session of the user who is signed in.
import { responseError } from "./errors.js";

// The token changes when the user signs in again in another tab, so it is read for each request.
export const csrfToken = () => /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";

// The response. Throws PageError for one that is not 2xx, and TypeError if the connection fails.
export async function send(address, { body, headers = {}, signal } = {}) {
  const given = { ...headers, ...(body && { "Content-Type": "application/json", "X-CSRFToken": csrfToken() }) };
  const method = body ? "POST" : "GET";
  const response = await fetch(address, { method, headers: given, body: body && JSON.stringify(body), signal, redirect: "error" });
  if (!response.ok) throw await responseError(response);
  return response;
}

export const read = async (address, options) => (await send(address, options)).json();
