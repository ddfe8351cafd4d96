"""The mini program in people's hands: the build itself, against the running demo."""

from collections.abc import Callable

from tests.miniprogram.phone import Phone
from tests.support import fake_id_no, fake_picture

Take = Callable[..., Phone]
# Enough of an MP3 to be known as one.
RECORDING = b"ID3\x03\x00" + bytes(3000)


def test_it_opens_and_knows_who_holds_the_phone(phone: Take) -> None:
    villager, cadre = phone("villager_1"), phone("grid_1")
    assert villager.title() == cadre.title() == "防贫服务"
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
