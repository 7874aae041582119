// Shows what arrives on the /comms socket: debug messages, warnings and errors, the newest last.
"use strict";

const MOST = 500;
const RECONNECT_MS = 1000;
const TOKEN = "auth-tokens"; // where Node-RED's editor keeps its login
const list = document.getElementById("messages");
const state = document.getElementById("state");
const filter = document.getElementById("filter");
const pause = document.getElementById("pause");
const login = document.getElementById("login");
const problem = document.getElementById("problem");
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

function storedToken() {
  try {
    return JSON.parse(localStorage.getItem(TOKEN))?.access_token;
  } catch {
    return undefined;
  }
}

function connect() {
  const address = new URL("../../comms", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  let refused = false;
  socket.onopen = () => {
    const token = storedToken();
    socket.send(JSON.stringify(token ? { auth: token } : { subscribe: "debug" }));
    state.textContent = "connected";
  };
  socket.onclose = () => {
    state.textContent = refused ? "not logged in" : "connecting";
    login.hidden = !refused;
    if (!refused) setTimeout(connect, RECONNECT_MS);
  };
  socket.onmessage = (event) => {
    const messages = JSON.parse(event.data);
    if (Array.isArray(messages)) {
      for (const { topic, data } of messages) if (topic === "debug") take(data);
    } else if (messages.auth === "fail") {
      refused = true;
      localStorage.removeItem(TOKEN);
    }
  };
}

login.onsubmit = async (event) => {
  event.preventDefault();
  const client = { client_id: "node-red-editor", grant_type: "password", scope: "" };
  const body = new URLSearchParams({ ...client, ...Object.fromEntries(new FormData(login)) });
  const answer = await fetch("../../auth/token", { method: "POST", body });
  const told = await answer.json();
  problem.textContent = answer.ok ? "" : told.error_description || told.message;
  if (!answer.ok) return;
  localStorage.setItem(TOKEN, JSON.stringify(told));
  login.reset();
  login.hidden = true;
  connect();
};
filter.oninput = () => {
  for (const item of list.children) item.hidden = !matches(item);
};
pause.onclick = () => {
  pause.setAttribute("aria-pressed", String(!isPaused()));
  if (!isPaused()) waiting.splice(0).forEach(show);
};
document.getElementById("clear").onclick = () => list.replaceChildren();
connect();
