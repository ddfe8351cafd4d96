"""The mini program in people's hands: the build itself, against the running demo."""

import re
from collections.abc import Callable

from tests.miniprogram.phone import Phone
from tests.story import fill_report, fill_verification
from tests.support import fake_id_no, fake_picture

Take = Callable[..., Phone]
# Enough of an MP3 to be known as one.
RECORDING = b"ID3\x03\x00" + bytes(3000)


def test_it_opens_and_knows_who_holds_the_phone(phone: Take) -> None:
    villager, cadre = phone("villager_1"), phone("grid_1")
    villager.at("防贫服务")
    cadre.at("防贫服务")
    villager.see("家里有困难，告诉我们")
    villager.sees_no("待办任务")
    cadre.see("待办任务")


def test_a_report_made_without_signal_reaches_the_cadre(phone: Take) -> None:
    villager = phone("villager_1")
    villager.press("我要申报", "家里有人生病，看病花钱多", "下一步", "2000 到 5000 元", "下一步")
    villager.press("桂阳县", "白石乡", "枫木村", "一组")

    # The first use of anything private asks for the person's agreement, in words about that use.
    villager.stand_at(25.8, 113.0)
    villager.press("我现在就在家里，把位置告诉干部")
    villager.see("要用到您的位置")
    villager.press("同意", "下一步")

    villager.choose_photo(fake_picture())
    villager.press("拍照或选照片", "病历、医药费单子")
    villager.see("已上传")
    villager.record(RECORDING)
    villager.press("按一下，开始说话")
    villager.see("正在录音 0:01")
    villager.press("说完了")
    villager.see("听一听")
    villager.press("下一步")

    villager.fill("姓名", "测试甲")
    villager.fill("身份证号", fake_id_no(7))
    villager.press("用微信手机号")
    villager.holds("联系电话", "13800000000")
    villager.press("下一步", "我看过了，同意")
    villager.draw()
    villager.see("已签名")

    villager.signal(False)
    villager.press("提交")
    villager.see("已保存在手机上")
    villager.open()
    villager.see("1 项等待发送")
    villager.signal(True)
    # Neither waiting nor on its way any more.
    villager.sees_no("1 项")
    villager.press("我的申报")
    number = villager.see("编号").inner_text().removeprefix("编号").strip()

    cadre = phone("grid_1")
    cadre.press("待办任务")
    cadre.see(number)


def test_from_the_report_to_the_word_back(phone: Take) -> None:
    villager = phone("villager_2").agree()
    fill_report(villager, 8)
    villager.press("提交")
    villager.see("已提交")
    number = villager.number()

    cadre = phone("grid_1").agree().open_message("您有新的核实任务", number)
    cadre.at("核实任务")
    cadre.press("接单")
    fill_verification(cadre)
    cadre.press("提交核实情况")
    cadre.see("核实情况已经提交")
    cadre.press("回到任务列表")
    cadre.at("待办任务")

    villager.open_message("核实完成", number)
    villager.see("办到哪一步了")
    villager.see("情况属实")


def test_what_somebody_who_reported_can_do_besides(phone: Take) -> None:
    villager = phone("villager_3").agree()
    villager.press("大字")
    villager.see("标准字")
    fill_report(villager, 9)
    villager.press("提交")
    villager.see("已提交")
    number = villager.number()

    # The message leads to the report, to which something can be added; the queue tells when it has arrived.
    villager.open("pages/inbox/inbox")
    villager.see("标准字")
    villager.press("您的申报已收到")
    villager.at("办理进展")
    villager.press("补充情况")
    villager.fill("想补充什么", "昨天又住院了。")
    # A picture of the screen is no JPEG.
    villager.choose_photo(fake_picture("white", form="PNG"), type_="image/png")
    villager.press("拍照或选照片", "病历、医药费单子")
    villager.see("已上传")
    villager.signal(False)
    villager.press("提交补充", "看待发送")
    villager.see("等待发送")
    villager.see("填的内容都在手机上，关掉也不会丢。")
    villager.signal(True)
    villager.see("都发送出去了，没有等待的。")

    # Of what is held, a telephone number is put right at once, all else by somebody who looks into it.
    villager.open("pages/held/held")
    villager.see("的申报").tap()
    villager.see("昨天又住院了。")
    villager.named("更正联系电话").tap()
    villager.fill("新的手机号", "13800000001")
    villager.press("提交")
    villager.see("电话已更正。")
    villager.named("更正姓名").tap()
    villager.fill("应该是什么", "应该是测试乙。")
    villager.press("提交")
    villager.see("负责的干部核对后会答复您")
    cadre = phone("grid_1").open_message("申报人要求更正信息", number)
    cadre.see("应该是测试乙。")
    cadre.press("答复")
    cadre.tick("答复", "说得对，更正")
    cadre.press("答复")
    cadre.sees_no("应该是测试乙。")

    villager.press("撤回授权")
    villager.see("撤回后，这份申报停止办理")
    villager.press("撤回授权")
    villager.see("内容已按您的要求删除。")

    villager.press("这部手机上", "清除本机内容", "清除")
    villager.see("这部手机上的内容已清除。")


def test_a_new_phone_is_bound_with_a_code(phone: Take) -> None:
    head, before, now = phone("head_1"), phone("grid_2"), phone("villager_3")
    head.press("给同事发绑定码")
    head.fill("同事的工号", "GB0006")
    head.press("发绑定码")
    head.see("当面或打电话告诉本人")
    code = re.search(r"\b(\d{3}) (\d{3})\b", head.see("的绑定码").locator("..").inner_text())
    assert code

    now.press("我是村干部或工作人员")
    now.fill("工号", "GB0006")
    now.fill("绑定码", "".join(code.groups()))
    now.press("绑定")
    now.see("绑定成功")
    now.press("看待办任务")
    now.at("待办任务")

    before.press("我的消息")
    before.see("您的工作人员身份已换到另一部手机")
