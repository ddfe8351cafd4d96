"""The account's template library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from wechat import paths
from wechat.calls.caller import Caller, read, text


@dataclass(frozen=True, slots=True)
class Industry:
    """A trade the account belongs to, in two steps, such as ``政府与公共事业`` and ``其他``."""

    first: str
    second: str

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Self | None:
        """Read one of getIndustry's answers; the platform leaves out what was never set."""
        return cls(text(given["first_class"]), text(given["second_class"])) if given else None


@dataclass(frozen=True, slots=True)
class Template:
    """A template of the account.

    Attributes:
        template_id: what messages name.
        title: its title.
        content: its lines, such as ``村名:{{thing1.DATA}}``.
        example: an example of the platform's.
        primary_industry, deputy_industry: the trade it belongs to.
    """

    template_id: str
    title: str
    content: str
    example: str
    primary_industry: str
    deputy_industry: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read one of getAllTemplates' lines."""
        rest = ("title", "content", "example", "primary_industry", "deputy_industry")
        return cls(text(given["template_id"]), **{name: str(given.get(name) or "") for name in rest})


class TemplateCalls(Caller):
    """Sources: pages under https://developers.weixin.qq.com/doc/service/api/notify/template/."""

    async def set_industries(self, primary: int, secondary: int) -> None:
        """Set the account's two trades, once a month, by their numbers. Source: setIndustry."""
        await self.template.set_industry(str(primary), str(secondary))

    async def get_industries(self) -> tuple[Industry | None, Industry | None]:
        """Ask for the account's two trades, each ``None`` when it was never set. Source: getIndustry."""
        answer = await self.template.get_industry()
        return read(
            paths.INDUSTRY_GET,
            answer,
            lambda a: (Industry.of(a.get("primary_industry")), Industry.of(a.get("secondary_industry"))),
        )

    async def add_template(self, short_id: str, keywords: Sequence[str]) -> str:
        """Take a template from the library; an account has 25 at most (45026).

        Args:
            short_id: its number in the library, such as ``43216``; older ids are like ``TM00015``.
            keywords: the names of the keywords chosen, in their order, such as ``["任务名称", "截止时间"]``
                (40246 for others); an older id takes none.

        Returns:
            The template's id.

        Source: addTemplate.
        """
        payload = {"template_id_short": short_id, "keyword_name_list": list(keywords)}
        answer = await self.call(paths.TEMPLATE_ADD, payload)
        return read(paths.TEMPLATE_ADD, answer, lambda a: text(a["template_id"]))

    async def list_templates(self) -> list[Template]:
        """Ask for the account's templates. Source: getAllTemplates."""
        answer = await self.template.get_all_private_template()
        return read(paths.TEMPLATE_LIST, answer, lambda a: [Template.of(line) for line in a["template_list"]])

    async def delete_template(self, template_id: str) -> None:
        """Remove a template from the account (40037 when it has none such). Source: deleteTemplate."""
        await self.template.del_private_template(template_id)
