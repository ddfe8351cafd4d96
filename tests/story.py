"""The main job as people do it on their phones, told in the words that they read: on the
account's web pages and on the mini program alike."""

from collections.abc import Callable

from tests.support import fake_id_no, fake_picture
from tests.touch import Touch

#: Called at each new view with its name.
Look = Callable[[str], None]
#: What the household of the story reports.
RISKS = ("家里有人生病，看病花钱多", "房子不安全或漏雨")


def pass_by(_name: str) -> None:
    """Look at nothing."""


def fill_report(villager: Touch, number: int, look: Look = pass_by) -> None:
    """From the first page to the point at which only 提交 is left to press, for a household of
    枫木村一组, where ``grid_1`` is responsible; `number` makes its ID number."""
    villager.press("我要申报")
    fill_steps(villager, number, look)


def fill_steps(villager: Touch, number: int, look: Look = pass_by) -> None:
    """The same for whoever has come to the report's page by the account's menu."""
    villager.see("您家遇到了什么困难？")
    look("report-1-what")
    villager.press(*RISKS, "下一步")
    villager.see("看病自己花了多少钱？")
    look("report-2-details")
    villager.tick("看病自己花了多少钱？", "5000 到 2 万元")
    villager.press("下一步")
    villager.see("哪个县？")
    look("report-3-place")
    villager.press("桂阳县", "白石乡", "枫木村", "一组", "下一步")
    villager.choose_photo(fake_picture())
    villager.press("拍照或选照片", "病历、医药费单子")
    villager.see("已上传")
    villager.fill("说说情况", "住院自付较多，家里一下子拿不出钱。")
    look("report-4-more")
    villager.press("下一步")
    villager.fill("姓名", "测试甲")
    villager.fill("身份证号", fake_id_no(number))
    villager.fill("联系电话", "13800000000")
    look("report-5-who")
    villager.press("下一步", "我看过了，同意")
    villager.draw()
    villager.see("已签名")
    look("report-6-sign")


def fill_verification(
    cadre: Touch, look: Look = pass_by, *, risks: tuple[str, ...] = RISKS, uploaded: str = "已上传"
) -> None:
    """From the task's page, already accepted, to where only 提交核实情况 is left to press. `risks`
    are those that were reported; `uploaded` is what the photo says of itself then."""
    cadre.press("去核实")
    cadre.see("见到了谁")
    cadre.press("申报人本人", "情况属实")
    for risk in risks:
        cadre.tick(risk, "有")
    cadre.tick("收入和花费是否属实", "差不多")
    for need in ("孩子上学", "看病", "饮水"):
        cadre.tick(need, "有保障")
    cadre.tick("住房", "没保障")
    cadre.choose_photo(fake_picture("grey"))
    cadre.press("拍照或选照片", "房子、受灾的地方")
    cadre.see(uploaded)
    cadre.press("没有信号，定不了位")
    cadre.fill("看到的情况", "房屋西墙开裂，病历与申报一致。")
    cadre.draw()
    cadre.see("已签名")
    look("verify")
