// Keeps the parts marked data-live as the router has them. Without this script the page is the same, once.
// The document is fetched as such (no text becomes markup here), and parts that differ change places.
// The router says when something has changed (data-events). Where it does not, the page asks every few seconds.
"use strict";
(function () {
  const EVERY = Number(document.currentScript.dataset.every) || 5000;
  const PAGE = document.currentScript.dataset.page || window.location.pathname; // what a form has led to is no page
  const EVENTS = document.currentScript.dataset.events;
  let shape = document.currentScript.dataset.shape; // of what is shown
  const MOST = 60000;
  const SILENCE = 45000; // a stream that says less is none: it beats every 12 s or so
  const AGAIN = 30000; // where there was no stream
  const UNKNOWN = "-"; // a beat that does not say what there is
  const SPREAD = 300; // or all pages would ask in the same moment
  let wait = EVERY;
  let timer = 0;
  let request = null;
  let isStale = false; // something has changed since the request was sent, or was not shown: somebody is writing there
  let stream = null;
  let heard = 0;
  let tried = -AGAIN;

  // Whether somebody is writing in this part: then it waits.
  function isInUse(part) {
    return Array.from(part.querySelectorAll("input:not([type=hidden]), select, textarea")).some(function (item) {
      if (item === document.activeElement) {
        return true;
      }
      if (item.options) {
        const first = Array.from(item.options).findIndex(function (option) {
          return option.defaultSelected;
        });
        return item.selectedIndex !== Math.max(first, 0);
      }
      return item.checked !== item.defaultChecked || item.value !== item.defaultValue;
    });
  }

  // Another page than this one: loaded anew, unless that would lose what somebody is writing.
  function begin() {
    if (isInUse(document)) {
      isStale = true; // nobody tells a second time: it asks until the writing has ended
    } else {
      window.location.assign(PAGE);
    }
  }

  function replace(fresh) {
    const script = fresh.querySelector("script[data-shape]");
    shape = script ? script.dataset.shape : "";
    const parts = Array.from(fresh.querySelectorAll("[data-live]"));
    const olds = parts.map(function (part) {
      return document.getElementById(part.id);
    });
    if (olds.indexOf(null) >= 0 || parts.length !== document.querySelectorAll("[data-live]").length) {
      begin();
      return;
    }
    parts.forEach(function (part, index) {
      const old = olds[index];
      if (isInUse(old)) {
        isStale = true;
        return;
      }
      const opened = old.querySelectorAll("details");
      const next = document.importNode(part, true);
      next.querySelectorAll("details").forEach(function (item, index) {
        if (opened[index]) {
          item.open = opened[index].open;
        }
      });
      if (next.isEqualNode(old)) {
        return;
      }
      const focused = Array.from(old.querySelectorAll("a, button, summary")).indexOf(document.activeElement);
      old.replaceWith(next);
      if (focused >= 0) {
        const again = next.querySelectorAll("a, button, summary")[focused];
        if (again) {
          again.focus();
        }
      }
    });
    document.title = fresh.title;
  }

  function isTold() {
    return stream !== null && stream.readyState === 1; // EventSource.OPEN
  }

  function lookIn(time) {
    window.clearTimeout(timer);
    timer = window.setTimeout(look, time);
  }

  function look() {
    window.clearTimeout(timer);
    timer = 0;
    if (request) {
      isStale = true;
      return;
    }
    isStale = false;
    request = new XMLHttpRequest();
    request.open("GET", PAGE);
    request.responseType = "document";
    request.timeout = 20000;
    request.setRequestHeader("X-Isthmus-Quiet", "1");
    request.onloadend = function () {
      const answer = request;
      let next = isStale ? SPREAD : EVERY;
      request = null;
      if (answer.status === 200 && answer.response && answer.response.querySelector("[data-live]")) {
        wait = EVERY;
        replace(answer.response);
      } else if (answer.status === 200 || (answer.status === 503 && !answer.getResponseHeader("Retry-After"))) {
        hangUp();
        window.location.assign(PAGE); // the session is over, or isthmusd is away: the page says which
        return;
      } else {
        wait = Math.min(wait * 2, MOST);
        next = wait;
        isStale = true;
      }
      if (document.hidden) {
        return;
      }
      if (isStale || !isTold()) {
        lookIn(next);
      }
      listen();
    };
    request.send();
  }

  function hangUp() {
    if (stream) {
      stream.close();
      stream = null;
    }
  }

  // Hear of changes from now on, unless that was tried in vain a moment ago.
  function listen() {
    const now = performance.now();
    if (!EVENTS || !window.EventSource || stream || document.hidden || now - tried < AGAIN) {
      return;
    }
    tried = now;
    heard = now;
    stream = new EventSource(EVENTS);
    stream.addEventListener("open", function () {
      heard = performance.now();
    });
    stream.addEventListener("beat", function (event) {
      heard = performance.now();
      if (shape && event.data !== UNKNOWN && event.data !== shape) {
        lookIn(Math.random() * SPREAD); // it was fetched in a moment between two that the router saw as the same
      }
    });
    stream.addEventListener("changed", function () {
      heard = performance.now();
      lookIn(Math.random() * SPREAD);
    });
    stream.addEventListener("over", function () {
      hangUp(); // of this session, or of a token that another window has renewed: the page knows
      tried = -AGAIN;
      look();
    });
    stream.addEventListener("error", function () {
      if (stream && stream.readyState === 2) { // EventSource.CLOSED: it does not come again by itself
        stream = null;
      }
      if (!timer && !request) {
        lookIn(wait);
      }
    });
  }

  window.setInterval(function () {
    if (isTold() && performance.now() - heard > SILENCE) {
      hangUp();
      look();
    }
  }, SILENCE / 3);
  document.addEventListener("visibilitychange", function () {
    window.clearTimeout(timer);
    if (document.hidden) {
      hangUp(); // browsers open six connections to one router, and each window would hold one
    } else {
      tried = -AGAIN;
      look();
    }
  });
  document.getElementById("live-note").hidden = false;
  lookIn(wait);
  listen();
})();
