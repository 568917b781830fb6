'use strict';
const main = document.querySelector('main');
const offline = document.querySelector('.offline');
let source;
// Forms that are being sent.
let running = 0;

// Changes `old` into `fresh`, and keeps every node that is the same: its focus, its state.
function morph(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    const isOfTheReader = name === 'open' && old.nodeName === 'DETAILS';
    if (!fresh.hasAttribute(name) && !isOfTheReader) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  morphChildren(old, fresh);
}

// The first of these siblings that has this name and no id.
function nextOf(name, node) {
  while (node !== null && (node.id || node.nodeName !== name)) node = node.nextSibling;
  return node ?? undefined;
}

function morphChildren(old, fresh) {
  const named = new Map([...old.children].filter((it) => it.id).map((it) => [it.id, it]));
  let next = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const same = child.id ? named.get(child.id) : nextOf(child.nodeName, next);
    if (same === undefined) {
      old.insertBefore(child, next);
      continue;
    }
    // What is in between has gone. A node that is moved would lose the focus.
    while (next !== same && next !== null && !child.id && !next.id) next = removed(next);
    if (same === next) next = next.nextSibling;
    else old.insertBefore(same, next);
    morph(same, child);
  }
  while (next !== null) next = removed(next);
}

// Removes a node, and returns the next one.
function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function connect() {
  source?.close();
  source = new EventSource(main.dataset.events + location.search);
  source.onmessage = (event) => {
    const page = new DOMParser().parseFromString(`<main>${event.data}</main>`, 'text/html');
    morphChildren(main, page.querySelector('main'));
  };
  source.onopen = () => { offline.hidden = true; };
  source.onerror = () => { offline.hidden = false; };
}

function show(address) {
  history.pushState(null, '', address);
  connect();
}

addEventListener('popstate', connect);
addEventListener('pagehide', () => source.close());

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="?"]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.getAttribute('href'));
});

document.addEventListener('submit', async (event) => {
  const [form, button] = [event.target, event.submitter];
  if (form.method !== 'post') return;
  event.preventDefault();
  running += 1;
  main.ariaBusy = 'true';
  try {
    const response = await fetch(button?.formAction ?? form.action, { method: 'POST' });
    offline.hidden = response.ok;
    // What was selected gives way to the new call.
    if (location.search !== '') show(location.pathname);
  } catch {
    offline.hidden = false;
  } finally {
    running -= 1;
    if (running === 0) main.ariaBusy = null;
  }
});

connect();
