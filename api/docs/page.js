// Tries an operation out from the form around it.
"use strict";
document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, op = form.closest("details"), answer = op.querySelector(".answer");
  let path = op.dataset.path;
  const query = new URLSearchParams(), headers = {};
  for (const input of form.querySelectorAll("input")) {
    const value = input.value;
    if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(value));
    else if (value && input.dataset.in === "query") query.set(input.name, value);
    else if (value && input.dataset.in === "header") headers[input.name] = value;
  }
  const credential = document.getElementById("credential").value.trim();
  if (credential) headers.Authorization = `Bearer ${credential}`;
  const init = { method: op.dataset.method, headers }, body = form.querySelector("textarea");
  if (body) { init.body = body.value; headers["Content-Type"] = "application/json"; }
  answer.hidden = false;
  answer.textContent = "…";
  try {
    const base = document.baseURI.replace(/docs\/?(#.*)?$/, "");
    const res = await fetch(base + path.slice(1) + (query.size ? `?${query}` : ""), init);
    const text = await res.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: as it is */ }
    answer.textContent = `${res.status} ${res.statusText}\n\n${shown}`;
  } catch (error) {
    answer.textContent = String(error);
  }
});
