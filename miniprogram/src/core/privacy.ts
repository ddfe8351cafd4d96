/** Asking before something of the person's is used: what WeChat requires of a mini program. */
import { reactive } from "vue";

export type Use = "position" | "photos" | "microphone" | "phone";

/** In plain words: what it is used for, and what still works without it. */
export const USES: Record<Use, { name: string; purpose: string; without: string }> = {
  position: { name: "位置", purpose: "帮您找到所在的村组，让干部找得到您家。", without: "不同意也可以自己选村组，照样申报。" },
  photos: { name: "相机和照片", purpose: "把您拍的或选的照片交给核实的干部看。", without: "不同意也可以不加照片，照样申报。" },
  microphone: { name: "麦克风", purpose: "把您说的话录下来，交给核实的干部听。", without: "不同意也可以打字，照样申报。" },
  phone: { name: "手机号", purpose: "干部按这个号码联系您。", without: "不同意也可以自己填写号码，照样申报。" },
};

/** The button that has to be pressed to agree; WeChat checks that it was. */
export const AGREE_BUTTON = "agree-privacy";

/** The question that stands on the screen; `answer` ends it. */
export const question = reactive<{ use: Use | ""; answer: (agreed: boolean) => void }>({ use: "", answer: () => undefined });
