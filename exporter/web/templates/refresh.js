// Shows the page anew every ten seconds, and says so when the exporter no longer answers.
const EVERY = 10_000;
const note = document.getElementById("note");

async function refresh() {
  // Not while nobody looks, and not while somebody types, or marks what he wants to copy.
  if (!document.hidden && getSelection().isCollapsed && document.activeElement.id !== "q") {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(fresh.querySelector("main"));
      document.title = fresh.title;
      note.hidden = true;
    } catch {
      note.hidden = false;
    }
  }
  setTimeout(refresh, EVERY);
}

setTimeout(refresh, EVERY);
