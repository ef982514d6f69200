// Signing in to a trial.

import * as api from "./api.js";
import { byId } from "./dom.js";

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { user, password, code } = event.target.elements;
  byId("wrong").textContent = "";
  try {
    await api.login(user.value, password.value, code.value);
    location.assign("/");
  } catch (refusal) {
    byId("wrong").textContent = refusal.message;
    password.value = "";
    code.value = "";
    password.focus();
  }
});

/** The field of the code is there where the room asks for one. */
async function begin() {
  try {
    const { second_factor: asked } = await api.loginAsks();
    byId("code").hidden = !asked;
    byId("login").elements.code.required = asked;
  } catch (refusal) {
    byId("wrong").textContent = refusal.message;
  }
}

begin();
