// Signing in to a trial.

import * as api from "./api.js";
import { byId } from "./dom.js";

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { user, password } = event.target.elements;
  byId("wrong").textContent = "";
  try {
    await api.login(user.value, password.value);
    location.assign("/");
  } catch (refusal) {
    byId("wrong").textContent = refusal.message;
    password.value = "";
    password.focus();
  }
});
