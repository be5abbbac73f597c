// Light or dark, Japanese or English: chosen at the top right, kept by the browser. No module, so that
// it has run before anything is drawn. ui/web/words.js changes the words that style sheets cannot.

(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const asked = new URL(location.href).searchParams.get("__theme"); // Gradio's own way to say it

  function kept(name) {
    try { return localStorage.getItem(`kikigaki.${name}`); } catch { return null; }
  }

  function keep(name, value) {
    try { localStorage.setItem(`kikigaki.${name}`, value); } catch { /* it holds until the tab closes */ }
  }

  const themes = ["auto", "light", "dark"];
  let choice = themes.includes(kept("theme")) ? kept("theme") : "auto";

  /** Gradio sets body.dark as it starts and as the system's theme changes: what was chosen wins. */
  function colour() {
    const usual = ["light", "dark"].includes(asked) ? asked : dark.matches ? "dark" : "light";
    const theme = choice === "auto" ? usual : choice;
    root.dataset.choice = choice;
    root.dataset.theme = theme;
    document.body?.classList.toggle("dark", theme === "dark");
  }

  function speak(words) {
    root.dataset.words = words;
    root.lang = words; // for ja also the shapes of the Han characters that both share
  }

  // A conversation to be shown again: the page does not begin with its examples meanwhile.
  try { root.classList.toggle("reopening", Boolean(sessionStorage.getItem("kikigaki.talk"))); } catch { /* forbidden */ }
  colour();
  speak(kept("words") === "en" ? "en" : "ja");
  dark.addEventListener("change", colour);
  new MutationObserver(() => { // Gradio names the browser's language there
    if (root.lang !== root.dataset.words) root.lang = root.dataset.words;
  }).observe(root, { attributeFilter: ["lang"] });
  addEventListener("DOMContentLoaded", () => {
    colour();
    new MutationObserver(() => {
      if (document.body.classList.contains("dark") !== (root.dataset.theme === "dark")) colour();
    }).observe(document.body, { attributeFilter: ["class"] });
  });

  addEventListener("click", (event) => {
    const button = event.target.closest?.("#theme, #words");
    if (button?.id === "theme") {
      choice = themes[(themes.indexOf(choice) + 1) % themes.length];
      keep("theme", choice);
      colour();
    } else if (button) {
      speak(root.dataset.words === "en" ? "ja" : "en");
      keep("words", root.dataset.words);
    }
  });
})();
