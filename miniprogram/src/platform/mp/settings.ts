/** What was refused once is asked for in the mini program's own settings. */
import { asked } from "./wx";

/** WeChat's words for a permission that the person did not give. */
export const REFUSED = /auth den|authorize|unauthorized|permission is not authorized|system permission denied/i;

/** Ask whether to open the settings; true when the permission is given there.
 *
 * @param scope As in WeChat's `authSetting`, for example `scope.record`.
 */
export async function permittedInSettings(scope: string, title: string, content: string): Promise<boolean> {
  const { confirm } = await asked<{ confirm: boolean }>((done) =>
    uni.showModal({ title, content, confirmText: "去设置", cancelText: "不用了", ...done }),
  );
  if (!confirm) return false;
  const given = asked<{ authSetting: unknown }>((done) => uni.openSetting({ ...done }));
  return given.then(
    ({ authSetting }) => (authSetting as Record<string, boolean>)[scope] === true,
    () => false,
  );
}
