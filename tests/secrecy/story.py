"""All that people tell the service, in values that occur nowhere else."""

import io
import json
import random
import uuid
from typing import Any

from PIL import ExifTags, Image

from casework.uploads.model import PART_BYTES
from tests.support import Client, Phones, Reply, fake_id_no

#: Division code of the place where all of it happens: 白石乡 枫木村 一组.
PLACE_CODE = "431021101201001"
LATITUDE, LONGITUDE = 25.8037191, 113.0442683
FEN = 847_293_615

#: What is told, by what it is.
TEXTS = {
    "name": "瞿蕴璇",
    "phone": "13800047291",
    "corrected phone": "13800047292",
    "ID number": fake_id_no(731, "19570313"),
    "ID number of the head": fake_id_no(732, "19310927"),
    "remark on risks": "两头耕牛坠崖摔死",
    "statement": "确诊尿毒症，每周透析三次",
    "addition": "昨夜西厢房梁断裂",
    "correction": "其实只自付了九千八百元",
    "answer to the correction": "已核对票据共十七张",
    "what was found": "床头见腹膜透析液六箱",
    "remark on a risk found": "病历记载肌酐升高",
    "reason told": "二女婿在镇上有门面",
    "why no position": "崖下背阴收不到卫星",
    "why no signature": "右手腕骨折打石膏",
    "name by proxy": "褚怀瑾",
    "phone by proxy": "13800047293",
    "ID number by proxy": fake_id_no(733, "19440822"),
    "reason for the proxy": "双目失明不识字",
    "statement by proxy": "独居老屋无人照料",
    "name of the joined": "瞿蕴珩",
    "phone of the joined": "13800047294",
    "statement of the joined": "大孙子也查出地中海贫血",
    "name of who withdrew": "濮阳若溪",
    "phone of who withdrew": "13800047295",
    "ID number of who withdrew": fake_id_no(734, "19660418"),
    "statement of who withdrew": "儿子刑满释放找不到活",
    "verified phone": "13800047296",
    "text to the account": "我叫端木清嘉患有精神分裂",
    "number in a text to the account": "13800047297",
    "description in the photo": "taken-behind-the-old-kiln",
    "mistyped name": "轩辕" * 10 + "澹台明月",
    "mistyped phone": "1390068135",
    "mistyped ID number": "000000197204051231",
    "overlong statement": "糖尿病足截肢" * 90,
    "broken body": "腿脚不便靠轮椅出行",
    "number in an address": "000000195511120017",
}


def noise(seed: int, side: int = 96) -> Image.Image:
    """A picture that does not compress, so that a part of its file can be recognised."""
    return Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3))


def snapshot(seed: int, side: int = 96) -> bytes:
    """A photo as a phone takes it: with position and a description."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = TEXTS["description in the photo"]
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {ExifTags.GPS.GPSLatitude: (25.0, 48.0, 13.388), ExifTags.GPS.GPSLongitude: (113.0, 2.0, 39.365)}
    )
    out = io.BytesIO()
    noise(seed, side).save(out, "JPEG", quality=90, exif=exif)
    return out.getvalue()


def spoken(seed: int) -> bytes:
    """A voice note."""
    return b"\xff\xfb\x90\x64" + random.Random(seed).randbytes(3000)


class Witness(Client):
    """A phone of which every answer is remembered."""

    def __init__(self, client: Client, answers: list[tuple[str, str, Reply]]) -> None:
        super().__init__(client.http, client.base, client.token)
        self.answers = answers

    async def call(self, method: str, path: str, *args: Any, **kwargs: Any) -> Reply:
        reply = await super().call(method, path, *args, **kwargs)
        self.answers.append((method, path, reply))
        return reply


class Story:
    """What happened, for those who look at what was kept of it."""

    def __init__(self, phones: Phones) -> None:
        self.phones = phones
        self.answers: list[tuple[str, str, Reply]] = []
        #: Parts of files as they went up and as they are kept, by what they are.
        self.pieces: dict[str, bytes] = {}
        self.place = ""

    async def sign_in(self, key: str) -> Witness:
        """A demo person with their phone."""
        return Witness(await self.phones.sign_in(key), self.answers)

    async def happen(self) -> None:
        """All of it."""
        villager, cadre = await self.sign_in("villager_1"), await self.sign_in("grid_1")
        found = await villager.get(f"/api/regions?code={PLACE_CODE}")
        self.place = found.body["items"][0]["id"]
        await self._mistype(villager)
        report = await self._report(villager)
        await self._add_and_correct(villager, cadre, report)
        await self._join(report)
        await self._file_for_somebody(cadre)
        await self._withdraw()
        await self._verify(cadre, report)
        await self._read(villager, cadre, report)
        await self._become_staff()
        await self._write_to_the_account()

    def form(self, name: str, phone: str, id_no: str, **more: Any) -> dict[str, Any]:
        """A report with its least fields, the texts given by what they are."""
        consent = {"version": "2026-01", "agreed": True, "signed_name": TEXTS[name]}
        given = {"applicant_name": TEXTS[name], "phone": TEXTS[phone], "id_no": TEXTS[id_no]}
        return {**given, "place": self.place, "risks": ["illness"], "consent": consent, **more}

    async def _photo(self, client: Client, seed: int) -> str:
        data = snapshot(seed)
        self.pieces[f"photo {seed} as it was sent"] = data[-2000:-1960]
        return await client.upload(data)

    async def _voice(self, client: Client, seed: int) -> str:
        data = spoken(seed)
        self.pieces[f"voice note {seed}"] = data[1000:1040]
        return str((await client.put("recordings", data)).body["sha256"])

    async def _mistype(self, client: Client) -> None:
        good = self.form("name", "phone", "ID number")
        refused = [
            {"applicant_name": TEXTS["mistyped name"]},
            {"phone": TEXTS["mistyped phone"]},
            {"id_no": TEXTS["mistyped ID number"]},
            {"statement": TEXTS["overlong statement"]},
            {"relation": TEXTS["name"]},
            {"housing": TEXTS["statement"]},
            {"event_date": TEXTS["ID number"]},
            {"own_paid_medical": {"fen": TEXTS["phone"]}},
            {"position": {"latitude": TEXTS["phone"], "longitude": LONGITUDE}},
            {"photos": [{"sha256": TEXTS["ID number"], "kind": TEXTS["name"]}]},
            {"filed_for": {"reason": TEXTS["statement"], "evidence": TEXTS["name"]}},
            {"remark": TEXTS["remark on risks"]},
        ]
        for wrong in refused:
            assert (await client.command("/api/intakes", {**good, **wrong})).status == 422, wrong
        broken = json.dumps(good | {"statement": TEXTS["broken body"]}, ensure_ascii=False).encode()[:-1]
        keyed = {"Idempotency-Key": str(uuid.uuid4())}
        assert (await client.call("POST", "/api/intakes", raw=broken, headers=keyed)).status == 400
        astray = TEXTS["number in an address"]
        for path in (
            f"/api/intakes/{astray}",
            f"/api/intakes?cursor={astray}",
            f"/api/{astray}",
            f"/m/{astray}",
        ):
            await client.get(path)
        await client.command("/api/intakes", good, key=astray)
        nobody = Witness(Client(client.http, client.base, astray), self.answers)
        assert (await nobody.get("/api/session")).status == 401

    async def _report(self, villager: Client) -> dict[str, Any]:
        form = self.form(
            "name",
            "phone",
            "ID number",
            relation="child",
            head_id_no=TEXTS["ID number of the head"],
            members_affected=4,
            risks=["illness", "other"],
            risks_remark=TEXTS["remark on risks"],
            event_date="2026-08",
            own_paid_medical={"fen": FEN},
            own_paid_schooling={"band": "over_20000"},
            income_lost={"fen": FEN + 1},
            housing="unsafe",
            water="unsure",
            wanted_help=["health"],
            statement=TEXTS["statement"],
            photos=[{"sha256": await self._photo(villager, 1), "kind": "medical"}],
            voice=await self._voice(villager, 1),
            position={"latitude": LATITUDE, "longitude": LONGITUDE, "accuracy": 20.0},
        )
        form["consent"]["signature"] = await self._photo(villager, 2)
        sent = await villager.command("/api/intakes", form)
        assert sent.status == 201, sent
        # A photo of which the rest never came.
        unfinished = snapshot(9, 500)
        self.pieces["part of a photo"] = unfinished[50_000:50_040]
        assert (await villager.put("photos", unfinished, (0, PART_BYTES))).status == 202
        return dict(sent.body)

    async def _add_and_correct(self, villager: Client, cadre: Client, report: dict[str, Any]) -> None:
        path = f"/api/intakes/{report['id']}"
        added = {
            "statement": TEXTS["addition"],
            "photos": [{"sha256": await self._photo(villager, 3), "kind": "housing"}],
            "voice": await self._voice(villager, 2),
        }
        assert (await villager.command(f"{path}/additions", added)).status == 200
        assert (await cadre.command(f"{path}/additions", {"statement": TEXTS["addition"]})).status == 200
        wish = {"intake": report["id"], "field": "own_paid_medical", "text": TEXTS["correction"]}
        asked = await villager.command("/api/corrections", wish)
        assert asked.status == 201, asked
        phone = {"intake": report["id"], "field": "phone", "value": TEXTS["corrected phone"]}
        assert (await villager.command("/api/corrections", phone)).status == 201
        answer = {"outcome": "corrected", "text": TEXTS["answer to the correction"]}
        assert (await cadre.command(f"/api/corrections/{asked.body['id']}/answer", answer)).status == 200

    async def _join(self, report: dict[str, Any]) -> None:
        other = await self.sign_in("villager_2")
        form = self.form("name of the joined", "phone of the joined", "ID number")
        form |= {"head_id_no": TEXTS["ID number of the head"], "statement": TEXTS["statement of the joined"]}
        joined = await other.command("/api/intakes", form)
        assert joined.body["joined"] is True, joined
        assert report["number"] not in str(joined.body)

    async def _file_for_somebody(self, cadre: Client) -> None:
        reason = {"reason": TEXTS["reason for the proxy"], "evidence": await self._photo(cadre, 4)}
        form = self.form("name by proxy", "phone by proxy", "ID number by proxy", filed_for=reason)
        form["statement"] = TEXTS["statement by proxy"]
        assert (await cadre.command("/api/intakes", form)).status == 201

    async def _withdraw(self) -> None:
        villager = await self.sign_in("villager_3")
        form = self.form("name of who withdrew", "phone of who withdrew", "ID number of who withdrew")
        form["statement"] = TEXTS["statement of who withdrew"]
        form["photos"] = [{"sha256": await self._photo(villager, 5), "kind": "other"}]
        sent = (await villager.command("/api/intakes", form)).body
        erased = await villager.command(f"/api/intakes/{sent['id']}/consent-withdrawal")
        assert erased.body["erased"] is True

    async def _verify(self, cadre: Client, report: dict[str, Any]) -> None:
        task = f"/api/tasks/{report['task']}"
        revealed = await cadre.call("POST", f"{task}/phone")
        assert revealed.body == {"phone": TEXTS["corrected phone"]}
        accepted = await cadre.command(f"{task}/acceptance")
        photo = {"sha256": await self._photo(cadre, 6), "kind": "housing"}
        form = {
            "photos": [photo],
            "text": TEXTS["what was found"],
            "position_missing": TEXTS["why no position"],
        }
        unmet = {**form, "met": "nobody", "finding": "could_not_meet"}
        late = await cadre.command(f"{task}/verification", unmet, base=accepted.body["version"])
        assert late.status == 200, late
        met = {
            **form,
            "met": "applicant",
            "finding": "not_true",
            "risks": [{"risk": "illness", "found": "partly", "remark": TEXTS["remark on a risk found"]}],
            "reason": TEXTS["reason told"],
            "signature_missing": TEXTS["why no signature"],
        }
        wrong = await cadre.command(f"{task}/verification", {**met, "reason": ""}, base=late.body["version"])
        assert wrong.status == 422
        done = await cadre.command(f"{task}/verification", met, base=late.body["version"])
        assert done.status == 200, done

    async def _read(self, villager: Client, cadre: Client, report: dict[str, Any]) -> None:
        for client in (villager, cadre):
            for path in ("/api/held", "/api/intakes", "/api/inbox", "/api/tasks?state=done", "/api/session"):
                await client.get(path)
        seen = (await villager.get(f"/api/intakes/{report['id']}")).body
        assert seen["fields"]["statement"] == TEXTS["statement"]
        assert TEXTS["reason told"] in seen["timeline"][-1]["text"]
        for number, photo in enumerate(seen["photos"]):
            picture = (await villager.get(f"/api/intakes/{report['id']}/photos/{photo['id']}")).body
            self.pieces[f"photo {number} as it is shown"] = picture[-400:-360]
            small = f"/api/intakes/{report['id']}/photos/{photo['id']}?size=thumbnail"
            self.pieces[f"thumbnail {number}"] = (await villager.get(small)).body[-400:-360]

    async def _become_staff(self) -> None:
        """Somebody verifies their telephone number, and is bound to a member of staff."""
        ids = {"openid": "oDemo_new", "mp_openid": "mDemo_new", "unionid": "uDemo_new"}
        body = {"nickname": "新来的", "phone": TEXTS["verified phone"], **ids}
        await self.phones.control("POST", "users", body)
        somebody, head = await self.sign_in("new"), await self.sign_in("supervisor_1")
        code = (await self.phones.control("GET", "login-code?openid=oDemo_new&kind=phone"))["code"]
        verified = await somebody.call("POST", "/api/session/phone", {"code": code})
        assert verified.body["phone"] == TEXTS["verified phone"]
        issued = await head.command("/api/staff-binding/codes", {"staff_no": "GB0007"})
        assert issued.status == 201, issued
        wrong = {"staff_no": TEXTS["name"] * 2, "code": TEXTS["mistyped phone"]}
        assert (await somebody.call("POST", "/api/staff-binding", wrong)).status == 422
        bound = {"staff_no": "GB0007", "code": issued.body["code"]}
        assert (await somebody.call("POST", "/api/staff-binding", bound)).status == 201

    async def _write_to_the_account(self) -> None:
        for content in (TEXTS["text to the account"], f"电话{TEXTS['number in a text to the account']}"):
            await self.phones.does("villager_1", "text", content=content)
        await self.phones.does("villager_2", "unsubscribe")
        await self.phones.does("villager_2", "subscribe")
