// The page: two phones that live on the simulator's stream.

import * as api from "./api.js";
import { Phone } from "./phone.js";
import { showDay, showSecond } from "./time.js";

const SEATS = [
  {
    role: "villager",
    label: "村民",
    says: "进度",
    fits: (user) => !user.role_hint || user.role_hint === "villager",
    newcomer: { nickname: "村民", role_hint: "villager", follow: false },
  },
  {
    role: "cadre",
    label: "干部",
    says: "任务",
    fits: (user) => user.role_hint !== "villager",
    newcomer: { nickname: "干部", role_hint: "cadre", follow: false },
  },
];
const MOST_PEOPLE = 500;

// Whose phones a reader of this page wants to see: from the address, or from the page around this one.
let asked = Object.fromEntries(new URLSearchParams(location.search));
let offset = 0;
const world = {
  users: new Map(),
  config: { account_name: "防贫", callback_url: null, web_pages: {} },
  // How many messages have come to somebody (by openid) that nobody has seen on a phone here.
  unread: new Map(),
  now: () => Date.now() / 1000 + offset,
};
const phones = SEATS.map((seat) => new Phone(seat, world, rememberPicks));
document.getElementById("stage").append(...phones.map((phone) => phone.root));

/** Keep the picked people in the address, so that a reload or a copied link shows the same two. */
function rememberPicks() {
  const query = new URLSearchParams(location.search);
  for (const phone of phones) {
    if (phone.person) query.set(phone.seat.role, phone.person.openid);
  }
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

async function readAll() {
  const wanted = phones.map((phone) => phone.person?.openid ?? asked[phone.seat.role]);
  const [config, clock, listed, ...named] = await Promise.all([
    api.config(),
    api.clock(),
    api.users({ limit: MOST_PEOPLE }),
    ...wanted.filter(Boolean).map((openid) => api.users({ openid })),
  ]);
  setClock(clock.unix);
  world.config = config;
  const people = [...listed.items, ...named.flatMap((answer) => answer.items)];
  world.users = new Map(people.map((user) => [user.openid, user]));
  // A person may be named by the mini program's openid, too.
  const find = (openid) => people.find((user) => [user.openid, user.mp_openid, user.unionid].includes(openid));
  showHint();
  listAccounts();
  await Promise.all(
    phones.map((phone, index) => {
      const person = find(wanted[index]);
      phone.person = person ?? null;
      phone.listPeople();
      return person ? phone.pick(person.openid) : undefined;
    }),
  );
}

/** Let a page around this one say whose phones to show: `{show: {villager: openid, cadre: openid}}`. */
function listenToFrame() {
  if (window.parent === window) return;
  document.documentElement.dataset.framed = "";
  window.addEventListener("message", ({ source, data }) => {
    if (source !== window.parent || !data?.show) return;
    asked = { ...asked, ...data.show };
    for (const phone of phones) {
      const user = world.users.get(data.show[phone.seat.role]);
      if (user && user.openid !== phone.person?.openid) phone.pick(user.openid);
    }
  });
}

function showHint() {
  const hint = document.getElementById("hint");
  hint.hidden = Boolean(world.config.callback_url);
  hint.textContent = "还没有设置回调地址：手机上做的事不会送到服务";
}

/** Let the reader choose among several accounts; another one is another page. */
function listAccounts() {
  const { accounts, oa_app_id: shown } = world.config;
  const list = document.getElementById("accounts");
  list.hidden = accounts.length < 2;
  list.replaceChildren(...accounts.map((one) => new Option(one.name, one.app_id, false, one.app_id === shown)));
  list.onchange = () => location.assign(`?${new URLSearchParams({ app_id: list.value })}`);
}

function setClock(unix) {
  offset = unix - Date.now() / 1000;
  tick();
}

function tick() {
  const now = world.now();
  document.getElementById("now").textContent = showSecond(now);
  document.getElementById("now-date").textContent = showDay(now);
  for (const phone of phones) phone.tick();
}

function showLink(state) {
  document.getElementById("link").dataset.state = state;
  document.getElementById("link-text").textContent = state === "open" ? "实时" : "连接中断，正在重连";
  if (state === "open") readAll().catch(() => showLink("lost"));
}

listenToFrame();
api.listen(
  {
    message: (item) => {
      const seen = phones.map((phone) => phone.receive(item)).some(Boolean);
      if (seen || item.direction !== "in") return;
      world.unread.set(item.openid, (world.unread.get(item.openid) ?? 0) + 1);
      for (const phone of phones) phone.showUnread();
    },
    typing: ({ openid, seconds }) => {
      for (const phone of phones) if (phone.person?.openid === openid) phone.showTyping(seconds);
    },
    user: (user) => {
      if (!world.users.has(user.openid) && world.users.size >= MOST_PEOPLE) return;
      const before = world.users.get(user.openid);
      world.users.set(user.openid, user);
      for (const phone of phones) {
        if (!before) phone.listPeople();
        else if (phone.person?.openid === user.openid) {
          phone.person = user;
          phone.showState();
          phone.keepEnd();
          phone.attempt(() => phone.readMenu());
        }
      }
    },
    menu: () => {
      for (const phone of phones) phone.attempt(() => phone.readMenu());
    },
    clock: ({ unix }) => setClock(unix),
    config: (config) => {
      world.config = config;
      showHint();
      for (const phone of phones) phone.showState();
    },
    resync: () => readAll(),
  },
  showLink,
);
setInterval(tick, 1000);
