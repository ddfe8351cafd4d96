/** Why a position could not be found, in words; every form goes on without one. */
import { Trouble } from "@/core/trouble";

export interface Position {
  latitude: number;
  longitude: number;
  /** In metres. */
  accuracy: number;
}

const WITHOUT = "不用位置也可以继续填写。";
const WORDS = {
  refused: `没有允许使用位置。请在手机“设置”里允许微信使用位置，再点一次。${WITHOUT}`,
  off: `手机的“定位”没有打开。请从屏幕顶部往下拉，打开“定位”（位置信息），再点一次。${WITHOUT}`,
  lost: `手机现在找不到位置。请走到屋外开阔的地方，再点一次。${WITHOUT}`,
  slow: `等了 10 秒还没有找到位置。请走到屋外开阔的地方，再点一次。${WITHOUT}`,
  never: `这里不能使用位置。${WITHOUT}`,
};

export type Reason = keyof typeof WORDS;

export class PositionProblem extends Trouble {
  constructor(readonly reason: Reason) {
    super(WORDS[reason]);
  }
}
