/** Remarks and questions. */
import { ask, node, say, unsay } from "../asking.js";
import { apis, Failed } from "./api.js";

const TOAST_MS = 1500;

export const words = apis({
  showToast: ({ title, duration = TOAST_MS }) => say(title, duration),
  hideToast: unsay,
  showLoading: ({ title = "" }) => say(title, 0),
  hideLoading: unsay,
  async showModal({ title = "", content = "", showCancel = true, cancelText = "取消", confirmText = "确定", editable, placeholderText = "" }) {
    const field = node("input", { placeholder: placeholderText, value: editable ? content : "" });
    const buttons = { [confirmText]: true, ...(showCancel && { [cancelText]: false }) };
    const confirm = await ask(title, editable ? [field] : [node("p", { textContent: content })], buttons);
    return { confirm, cancel: !confirm, content: editable ? field.value : null };
  },
  async showActionSheet({ itemList, alertText = "" }) {
    const buttons = Object.fromEntries(itemList.map((item, index) => [item, index]));
    const tapIndex = await ask(alertText, [], { ...buttons, 取消: -1 });
    if (tapIndex < 0) throw new Failed("cancel");
    return { tapIndex };
  },
});
