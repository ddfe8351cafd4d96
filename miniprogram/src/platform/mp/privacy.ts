/** WeChat's privacy authorisation: position, photos, microphone and phone number are used after one agreement. */
import { AGREE_BUTTON, question, type Use } from "@/core/privacy";
import { say } from "@/core/say";
import { asked } from "./wx";

/** Which use WeChat asks about, where it was not asked by `allowed`: a part of its own, like the phone number's button. */
const USES: [RegExp, Use][] = [
  [/location/i, "position"],
  [/phone/i, "phone"],
  [/record/i, "microphone"],
];

/** As WeChat calls the listener; uni-app's types leave the second argument out. */
type Listener = (resolve: (answer: { event: "agree" | "disagree"; buttonId?: string }) => void, about?: { referrer?: string }) => void;

let wanted: Use | "" = "";

/** Have WeChat's question asked by a sheet of ours; once, when the mini program starts. */
export function watchPrivacy(): void {
  // Below WeChat's base library 2.32.3 there is nothing to agree to.
  if (!uni.onNeedPrivacyAuthorization) return;
  const listener: Listener = (resolve, about) => {
    // The page of an earlier question was left without an answer.
    question.answer(false);
    question.use = wanted || USES.find(([words]) => words.test(about?.referrer ?? ""))?.[1] || "photos";
    question.answer = (agreed) => {
      question.use = "";
      question.answer = () => undefined;
      resolve(agreed ? { event: "agree", buttonId: AGREE_BUTTON } : { event: "disagree" });
    };
  };
  uni.onNeedPrivacyAuthorization(listener as unknown as Parameters<typeof uni.onNeedPrivacyAuthorization>[0]);
}

/** Whether the person agrees, or has agreed before. */
export async function allowed(use: Use): Promise<boolean> {
  if (!uni.requirePrivacyAuthorize) return true;
  wanted = use;
  const agreed = asked((done) => uni.requirePrivacyAuthorize(done));
  return agreed
    .then(
      () => true,
      () => false,
    )
    .finally(() => {
      wanted = "";
    });
}

/** The full text that was registered with WeChat. */
export function openContract(): void {
  uni.openPrivacyContract({ fail: () => say("现在打不开，请稍后再试。") });
}
