// Keeps the panel beside the form true to what is typed, and gives every level a slider. Nothing is saved.
"use strict";

const PAUSE = 150; // milliseconds without a keystroke before the server is asked

const form = document.getElementById("personality_form");
const preview = document.getElementById("preview");
const panel = document.getElementById("preview-panel");
const trouble = document.getElementById("preview-trouble");
const sliders = [...form.querySelectorAll(".level input[type=range]")];
const numberOf = (slider) => document.getElementById(slider.dataset.for);

// A slider shows its number; beside an empty number, the level that the archetype gives.
function alignSliders() {
  const levels = JSON.parse(panel.querySelector("[data-levels]").dataset.levels);
  for (const slider of sliders) {
    const number = numberOf(slider);
    slider.value = number.value === "" ? levels[number.name] : number.value;
    slider.classList.toggle("follows", number.value === "");
  }
}

const typed = () => new URLSearchParams(new FormData(form)).toString();

// What the panel shows: what came with the page, unless a reload has kept what was typed before it.
let shown = form.elements.personality_name?.value ? "" : typed();
let waiting;
let request;

function schedule() {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, PAUSE);
}

async function refresh() {
  request?.abort();
  const asked = typed();
  if (asked === shown) return;
  request = new AbortController();
  try {
    const answer = await fetch(preview.dataset.url, { method: "POST", body: new FormData(form), signal: request.signal });
    // A session that has ended is redirected to the login page.
    if (!answer.ok || answer.redirected) throw new Error("sign in again, then reload");
    panel.innerHTML = await answer.text(); // escaped by the server
    shown = asked;
    trouble.textContent = "";
    alignSliders();
  } catch (error) {
    if (error.name !== "AbortError") trouble.textContent = `Not up to date: ${error.message}.`;
  }
}

for (const slider of sliders) {
  slider.hidden = false;
  slider.addEventListener("input", () => { numberOf(slider).value = slider.value; });
}
alignSliders();
if (preview.dataset.url) {
  form.addEventListener("input", () => { alignSliders(); schedule(); });
  // The owner's search box is jQuery's: only jQuery hears the events that it triggers.
  window.django?.jQuery?.(form).on("change", schedule);
  schedule();
}
