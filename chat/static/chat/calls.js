// Shows what a language model wants a tool to do, and what a tool has said.

const template = document.getElementById("call-template");

export function callBox({ function: called, custom }) {
  const asked = called ?? custom;
  const box = template.content.firstElementChild.cloneNode(true);
  box.querySelector("summary").textContent = `Calls ${asked?.name || "a tool without a name"}`;
  box.querySelector("pre").textContent = indented(asked?.arguments ?? asked?.input ?? "");
  return box;
}

// JSON as a person reads it; anything else as it is.
function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
