// Tells an error at the place where it happened, with a link to sign in if that mends it.
import { toPageError } from "./errors.js";

const signIn = document.getElementById("error-template").content.querySelector(".sign-in");

export function tell(place, error) {
  const { message, remedy } = toPageError(error);
  place.textContent = message;
  if (remedy !== "sign-in") return;
  const link = signIn.cloneNode(true);
  link.hidden = false;
  place.append(" ", link);
}
