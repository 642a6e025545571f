/* What the public pages do better with script: show the password, count down to "send it again", move the focus to what
   is wrong, keep a second tap from sending a form twice. Every page works without it; all words come from the page. */
(function () {
  "use strict";

  const announcer = document.querySelector("[data-announcer]");

  function announce(text) {
    if (announcer) announcer.textContent = text;
  }

  function focusOnErrors() {
    const summary = document.querySelector("[data-error-summary]");
    if (!summary) return;
    // The page's own autofocus comes with the first frame; this is for browsers that know it on fields only.
    requestAnimationFrame(function () {
      requestAnimationFrame(function () {
        if (document.activeElement !== summary) summary.focus();
      });
    });
  }

  // Password managers look for either word, so the page is sent with both. HTML allows one, and a page that is read out
  // is judged by it (WCAG 1.3.5): where script runs, the word that all of them understand stays.
  function nameOnePurpose(input) {
    input.setAttribute("autocomplete", "username");
  }

  function addShowButton(box) {
    const input = box.querySelector("input");
    if (!input) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.setAttribute("aria-controls", input.id);
    button.setAttribute("aria-label", box.dataset.showLabel);

    function show(visible) {
      input.type = visible ? "text" : "password";
      button.textContent = visible ? box.dataset.hide : box.dataset.show;
      button.setAttribute("aria-label", visible ? box.dataset.hideLabel : box.dataset.showLabel);
    }

    show(false);
    input.setAttribute("autocapitalize", "none");
    input.spellcheck = false;
    button.addEventListener("click", function () {
      const visible = input.type === "password";
      show(visible);
      announce(visible ? box.dataset.shown : box.dataset.hidden);
      input.focus();
    });
    // A field of type text would be offered again by the browser as something typed before.
    if (input.form) input.form.addEventListener("submit", function () { show(false); });
    box.append(button);
  }

  function sendOnce(form) {
    const PATIENCE = 10000; // a lost connection must not leave a dead button behind
    let busyUntil = 0;

    function free() {
      busyUntil = 0;
      form.removeAttribute("aria-busy");
    }

    form.addEventListener("submit", function (event) {
      if (event.defaultPrevented) return;
      if (Date.now() < busyUntil) {
        event.preventDefault();
        return;
      }
      busyUntil = Date.now() + PATIENCE;
      form.setAttribute("aria-busy", "true");
      setTimeout(free, PATIENCE);
    });
    // Back and forward bring the page as it was left.
    window.addEventListener("pageshow", free);
  }

  function countDown(form) {
    const button = form.querySelector("button");
    const text = form.querySelector("[data-wait-text]");
    const wait = Number(form.dataset.wait) || 0;
    if (!wait || !text) return;
    const end = Date.now() + wait * 1000; // the clock goes on while the page sleeps
    let timer = null;

    function left() {
      return Math.max(0, Math.ceil((end - Date.now()) / 1000));
    }

    function tick() {
      const seconds = left();
      if (seconds) {
        text.textContent = form.dataset.waiting.replace("{seconds}", String(seconds));
        return;
      }
      clearInterval(timer);
      button.removeAttribute("aria-disabled");
      text.textContent = form.dataset.ready;
      announce(form.dataset.ready);
    }

    button.setAttribute("aria-disabled", "true");
    form.addEventListener("submit", function (event) {
      if (left()) event.preventDefault();
    });
    timer = setInterval(tick, 500);
    tick();
  }

  document.querySelectorAll("input[autocomplete='username email']").forEach(nameOnePurpose);
  document.querySelectorAll("[data-password]").forEach(addShowButton);
  document.querySelectorAll("[data-resend]").forEach(countDown);
  document.querySelectorAll("[data-once]").forEach(sendOnce);
  focusOnErrors();
})();
