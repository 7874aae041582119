// Shows what arrives on the /comms socket: debug messages, warnings and errors, the newest last.
"use strict";

const MOST = 500;
const RECONNECT_MS = 1000;
const list = document.getElementById("messages");
const state = document.getElementById("state");
const filter = document.getElementById("filter");
const pause = document.getElementById("pause");
const waiting = [];

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function valueOf(data) {
  if (typeof data.msg !== "string") return JSON.stringify(data.msg);
  if (!/^(Object|array|set|map|error)/.test(data.format || "")) return data.msg;
  try {
    return JSON.stringify(JSON.parse(data.msg), null, 2);
  } catch {
    return data.msg;
  }
}

function headOf(data) {
  const time = new Date(data.timestamp || Date.now()).toLocaleTimeString();
  const property = data.property ? `msg.${data.property}` : data.level ? "" : "msg";
  return [time, data.name || data.id, data.topic, property, data.format].filter(Boolean).join(" · ");
}

function show(data) {
  const item = element("li", { 20: "error", 30: "warning" }[data.level] || "", "");
  item.append(element("div", "head", headOf(data)), element("pre", "", valueOf(data)));
  item.hidden = !matches(item);
  const atEnd = window.innerHeight + window.scrollY >= document.body.offsetHeight - 20;
  list.append(item);
  while (list.children.length > MOST) list.firstChild.remove();
  if (atEnd) item.scrollIntoView();
}

function matches(item) {
  return item.textContent.toLowerCase().includes(filter.value.toLowerCase());
}

function isPaused() {
  return pause.getAttribute("aria-pressed") === "true";
}

function take(data) {
  if (!isPaused()) return show(data);
  waiting.push(data);
  if (waiting.length > MOST) waiting.shift();
}

function connect() {
  const address = new URL("../../comms", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.onopen = () => (state.textContent = "connected");
  socket.onclose = () => {
    state.textContent = "connecting";
    setTimeout(connect, RECONNECT_MS);
  };
  socket.onmessage = (event) => {
    const messages = JSON.parse(event.data);
    if (!Array.isArray(messages)) return;
    for (const { topic, data } of messages) if (topic === "debug") take(data);
  };
}

filter.oninput = () => {
  for (const item of list.children) item.hidden = !matches(item);
};
pause.onclick = () => {
  pause.setAttribute("aria-pressed", String(!isPaused()));
  if (!isPaused()) waiting.splice(0).forEach(show);
};
document.getElementById("clear").onclick = () => list.replaceChildren();
connect();
