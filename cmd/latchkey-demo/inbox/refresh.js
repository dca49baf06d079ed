// Asks once a second for what is new, so that nothing that is being read or
// copied moves away. Without JavaScript the page loads itself again.
"use strict";
const items = document.getElementById("items");
const ended = document.getElementById("ended");

async function look() {
  const newest = items.querySelector("article");
  const answer = await fetch("/new?after=" + (newest ? newest.dataset.number : 0));
  ended.hidden = true;
  if (answer.status !== 200) return;
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = document.getElementById("nothing");
  if (before) before.remove();
  items.prepend(...parsed.body.childNodes);
}

setInterval(() => look().catch(() => { ended.hidden = false; }), 1000);
