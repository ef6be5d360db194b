// What `check` says of the answer to a task, in a notebook. The browser remembers a task that is passed.

import { element } from "./parts.js";
import { remember, remembered, words } from "./questions.js";

export default {
  render({ model, el }) {
    const passed = model.get("passed");
    if (passed) remember({ ...remembered(), [model.get("key")]: true });
    el.append(element("p", { class: `mf-feedback mf-${passed ? "right" : "other"}`, role: "status" },
      element("strong", {}, passed ? "Right. " : "Not yet. "), ...words(model.get("said"))));
  },
};
