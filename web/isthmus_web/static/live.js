// Keeps the parts marked data-live as the router has them. Without this script the page is the same, once.
// The document is fetched as such (no text becomes markup here), and parts that differ change places.
"use strict";
(function () {
  const EVERY = Number(document.currentScript.dataset.every) || 5000;
  const PAGE = document.currentScript.dataset.page || window.location.pathname; // what a form has led to is no page
  const MOST = 60000;
  let wait = EVERY;
  let timer = 0;

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
    if (!isInUse(document)) {
      window.location.assign(PAGE);
    }
  }

  function replace(fresh) {
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

  function look() {
    const request = new XMLHttpRequest();
    request.open("GET", PAGE);
    request.responseType = "document";
    request.timeout = 20000;
    request.setRequestHeader("X-Isthmus-Quiet", "1");
    request.onloadend = function () {
      if (request.status === 200 && request.response && request.response.querySelector("[data-live]")) {
        wait = EVERY;
        replace(request.response);
      } else if (request.status === 200 || request.status === 503) {
        window.location.assign(PAGE); // the session is over, or isthmusd is away: the page says which
        return;
      } else {
        wait = Math.min(wait * 2, MOST);
      }
      timer = window.setTimeout(look, wait);
    };
    request.send();
  }

  document.addEventListener("visibilitychange", function () {
    window.clearTimeout(timer);
    if (!document.hidden) {
      look();
    }
  });
  document.getElementById("live-note").hidden = false;
  timer = window.setTimeout(look, wait);
})();
