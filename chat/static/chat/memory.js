// The conversation of this tab, which survives a reload. It is its user's alone: nobody who signs in after them sees it.

const KEY = "companion-playground";
const tabs = new BroadcastChannel(KEY);
let isOver = false;

// What `save` was given last, if it was given it in this tab and by this user.
export function restore(user) {
  const saved = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (saved?.user === user) return saved;
  sessionStorage.removeItem(KEY);
  return undefined;
}

export function save(talk) {
  if (isOver) return;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(talk));
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error;
    sessionStorage.removeItem(KEY); // rather nothing than what was said before
  }
}

// For good: the page is about to be left, but may still save.
export function forget() {
  isOver = true;
  sessionStorage.removeItem(KEY);
}

// Tells the other tabs who is signed in here; nobody is undefined.
export const announce = (user) => tabs.postMessage({ user });

// Calls `left` when another tab announces somebody else.
export const onOther = (user, left) => tabs.addEventListener("message", ({ data }) => { if (data.user !== user) left(); });
