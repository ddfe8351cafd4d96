// The page: four steps of one case, each done by the person whose phone is shown beside them.

import { Command, Person, Simulator, scene } from "./api.js";
import { PlacePicker, chosenIn, clearProblem, element, offer, showProblem } from "./fields.js";
import { drawHouse, idNumber, jpegOf } from "./sample.js";

const ARRIVAL_SECONDS = 10;
const FINDINGS = [
  { code: "true", label: "情况属实" },
  { code: "partly", label: "部分属实" },
  { code: "not_true", label: "不属实" },
  { code: "could_not_meet", label: "未能见面" },
];
// What the cadre found of each risk that was reported follows from the finding; the demo asks no further.
const FOUND = { true: "yes", partly: "partly", not_true: "no" };
const format = (style) => new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hourCycle: "h23", ...style });
const day = format({ dateStyle: "short" });
const minute = format({ hour: "2-digit", minute: "2-digit" });
const moment = format({ month: "long", day: "numeric", hour: "2-digit", minute: "2-digit" });

// Some people get dizzy from things that move.
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const find = (id) => document.getElementById(id);
const steps = Object.fromEntries(["report", "accept", "verify", "follow"].map((id) => [id, find(id)]));
const forms = Object.fromEntries(["report", "accept", "verify"].map((id) => [id, steps[id].querySelector("form")]));
const commands = { report: new Command(), accept: new Command(), verify: new Command() };

let simulator;
let people = [];
let places;
let risks = [];
let consentVersion = "";
/** The case under way: {villager, cadre, intake, number, task, version}. */
let current = {};
/** Whose phones are to be seen, {villager, cadre} by openid, and whether the frame has its page. */
const shown = {};
let framed = false;

const withRole = (role) => people.filter((person) => person.role === role);
const personOf = (openid) => people.find((person) => person.openid === openid);
const villagerPicked = () => personOf(chosenIn(find("villagers"))[0]);

// --- what is shown -----------------------------------------------------------------------------------

/** `idle`: its turn has not come; `active`; `busy`: something is under way; `open`: there to be read; `done`. */
function setState(id, state) {
  const step = steps[id];
  step.dataset.state = state;
  step.setAttribute("aria-busy", String(state === "busy"));
  if (state === "active") step.setAttribute("aria-current", "step");
  else step.removeAttribute("aria-current");
  for (const button of step.querySelectorAll("button")) button.disabled = state === "busy";
}

/** Say under a step's name what became of it; without words it is as at first. */
function tell(id, ...words) {
  const told = steps[id].querySelector(".step-told");
  told.replaceChildren(...words);
  told.hidden = words.length === 0;
  steps[id].querySelector(".step-note").hidden = words.length > 0;
}

/** Add to what a step tells how soon somebody knew. */
function tellSpeed(id, milliseconds, words) {
  const number = element("strong", "", String(milliseconds));
  steps[id].querySelector(".step-told").append(element("span", "speed", number, ` ${words}`));
}

/** Turn the two phones to other people; who is not given stays. */
function showPhones(...whom) {
  for (const person of whom) if (person) shown[person.role] = person.openid;
  // Before the simulator's page is there, nobody would get the message.
  if (framed) find("phones").contentWindow.postMessage({ show: shown }, simulator.url);
}

/** Go on to a step: bring it into view, and keyboards and screen readers with it. */
function goOn(id) {
  steps[id].querySelector("h2").focus({ preventScroll: true });
  steps[id].scrollIntoView({ block: "nearest", behavior: calm.matches ? "instant" : "smooth" });
}

function fail(id, problem) {
  if (problem.errors) {
    showProblem(steps[id], problem);
    return;
  }
  // Not an answer but a fault of this page: say so, and leave the details to the browser's console.
  showProblem(steps[id], { errors: [], message: "页面出了问题，请刷新后再试。" });
  throw problem;
}

// --- 1: the villager reports ---------------------------------------------------------------------------

function reportBody() {
  const value = (id) => find(id).value.trim();
  const name = value("applicant_name");
  const picked = chosenIn(find("risks"));
  return {
    applicant_name: name,
    phone: value("phone"),
    id_no: value("id_no"),
    place: places.value,
    risks: picked,
    risks_remark: picked.includes("other") ? value("risks_remark") : "",
    statement: value("statement"),
    consent: { version: consentVersion, agreed: true, signed_name: name },
  };
}

async function report() {
  const clicked = Date.now();
  const villager = villagerPicked();
  setState("report", "busy");
  clearProblem(steps.report);
  let answer;
  let before;
  try {
    before = await simulator.newest();
    answer = await commands.report.send(villager, "/api/intakes", reportBody());
  } catch (problem) {
    setState("report", "active");
    fail("report", problem);
    return;
  }
  current = { villager, intake: answer.id, number: answer.number, task: answer.task };
  setState("report", "done");
  tell("report", `编号 ${answer.number.replace(/(\d{4})(?=\d)/g, "$1 ")}`);
  setState("follow", "open");
  await Promise.all([showWay(), deliver(clicked, before)]);
}

/** A message about this case on the phone of one of `whom`. */
const concerns = (whom) => (message) =>
  whom.some((person) => person.openid === message.openid) &&
  message.text.replaceAll(" ", "").includes(current.number);

/** Wait until the cadre's phone has the message, and find out whose it is. */
async function deliver(clicked, before) {
  setState("accept", "busy");
  goOn("accept");
  try {
    const message = await simulator.arrival(before, concerns(withRole("cadre")), ARRIVAL_SECONDS);
    const told = message && personOf(message.openid);
    if (message) {
      const took = await simulator.millisecondsSince(clicked, message);
      tellSpeed("report", took, "毫秒后到达干部手机");
      showPhones(current.villager, told);
    }
    current.cadre = await responsible(told);
    if (!current.cadre) {
      nobody(told);
      return;
    }
    const { staff_name } = await current.cadre.signIn();
    tell("accept", message ? `${staff_name}（${current.cadre.nickname}）收到了任务` : `${staff_name}有一项新任务`);
    showPhones(current.villager, current.cadre);
    setState("accept", "active");
    goOn("accept");
  } catch (problem) {
    setState("accept", "active");
    fail("accept", problem);
  }
}

/** The demo's cadre who has the task, and shows it; the one who was told is asked first. */
async function responsible(told) {
  const cadres = withRole("cadre");
  for (const cadre of told ? [told, ...cadres.filter((one) => one !== told)] : cadres) {
    const { staff_name } = await cadre.signIn();
    const task = await cadre.get(`/api/tasks/${current.task}`).catch((problem) => {
      if (problem.code !== "not_found") throw problem;
      return null;
    });
    if (task?.assigned && task.staff_name === staff_name) {
      showTask(task);
      return cadre;
    }
  }
  return null;
}

/** The task lies with somebody who has no phone in the demo. */
function nobody(told) {
  setState("accept", "active");
  steps.accept.dataset.stuck = "";
  find("elsewhere").hidden = false;
  const whose = withRole("cadre").map((cadre) => cadre.nickname).join("、");
  const line = told ? `已通知${told.nickname}。` : "任务已记下，到期未办会逐级提醒。";
  const message = `负责这个村组的干部在演示里没有手机。${line}有手机的是：${whose}。`;
  showProblem(steps.accept, { errors: [], message });
}

function showTask(task) {
  const names = task.risks.map((code) => risks.find((risk) => risk.code === code)?.label ?? code);
  const rows = [
    ["所在村组", task.village],
    ["申报人", task.fields.applicant_name],
    ["困难", names.join("、")],
    ["情况", task.fields.statement],
    ["办理时限", `${moment.format(new Date(task.due_at))} 前`],
  ].filter(([, value]) => value);
  find("task").replaceChildren(
    ...rows.map(([label, value]) => element("div", "", element("dt", "", label), element("dd", "", value))),
  );
  current.version = task.version;
  current.risks = task.risks;
}

// --- 2 and 3: the cadre --------------------------------------------------------------------------------

/** What the villager's newest message of a kind about this case says, as their inbox has it. */
async function newestOf(kind) {
  const { items } = await current.villager.get("/api/inbox");
  return items.find((item) => item.kind === kind && item.ref === `intake:${current.intake}`)?.text ?? "";
}

/** Send a command of the cadre's; then say what was done, and when the villager had the message of `kind`. */
async function work(id, path, body, done, kind, words) {
  const clicked = Date.now();
  const { cadre } = current;
  setState(id, "busy");
  clearProblem(steps[id]);
  let answer;
  let before;
  try {
    before = await simulator.newest();
    const content = typeof body === "function" ? await body() : body;
    answer = await commands[id].send(cadre, path, content, current.version);
  } catch (problem) {
    if (problem.code === "stale_version") await responsible(cadre).catch(() => null);
    setState(id, "active");
    fail(id, problem);
    return;
  }
  current.version = answer.version;
  await showWay();
  done(answer);
  await tellArrival(id, before, clicked, kind, words);
}

/** Say how soon after a click the villager had the message of `kind`; without a message nothing is said. */
async function tellArrival(id, before, clicked, kind, words) {
  const told = steps[id].querySelector(".step-told");
  const said = told.textContent;
  try {
    const text = await newestOf(kind);
    const about = concerns([current.villager]);
    // An earlier message may still be on its way; a message's first line says what it is about.
    const fits = (message) => about(message) && text.includes(message.fields[0]?.value ?? message.text);
    const message = await simulator.arrival(before, fits, ARRIVAL_SECONDS);
    const took = message && (await simulator.millisecondsSince(clicked, message));
    // The step may have been taken again meanwhile.
    if (took && told.textContent === said) tellSpeed(id, took, words);
  } catch (problem) {
    if (!problem.errors) throw problem;
  }
}

async function accept() {
  const { staff_name } = await current.cadre.signIn();
  await work("accept", `/api/tasks/${current.task}/acceptance`, undefined, () => {
    setState("accept", "done");
    tell("accept", `${staff_name}已接单`);
    setState("verify", "active");
    drawHouse(find("photo"));
    goOn("verify");
  }, "report_accepted", "毫秒后村民收到通知");
}

async function verificationBody() {
  const [finding] = chosenIn(find("findings"));
  const value = (id) => find(id).value.trim();
  const met = finding !== "could_not_meet";
  const blob = await jpegOf(find("photo"));
  const sha256 = await current.cadre.upload(blob);
  return {
    met: met ? "applicant" : "nobody",
    finding,
    risks: met ? current.risks.map((risk) => ({ risk, found: FOUND[finding] })) : [],
    photos: [{ sha256, kind: "housing" }],
    text: value("text"),
    reason: finding === "not_true" ? value("reason") : "",
    position_missing: "演示页面没有定位",
    signature_missing: "演示页面不能签名",
  };
}

async function verify() {
  await work("verify", `/api/tasks/${current.task}/verification`, verificationBody, (answer) => {
    const { label } = FINDINGS.find(({ code }) => code === answer.finding);
    if (answer.state === "done") {
      setState("verify", "done");
      tell("verify", label);
      find("again").hidden = false;
      steps.follow.dataset.ended = "";
      goOn("follow");
    } else {
      // Nobody was at home: the same cadre goes there again.
      setState("verify", "active");
      tell("verify", `${label}，请改日再去`);
      drawHouse(find("photo"));
      goOn("verify");
    }
  }, "report_outcome", "毫秒后村民收到结果");
}

// --- 4: the villager follows it ------------------------------------------------------------------------

async function showWay() {
  try {
    const seen = await current.villager.get(`/api/intakes/${current.intake}`);
    const first = new Date(seen.timeline[0].at);
    find("timeline").replaceChildren(
      ...seen.timeline.map(({ at, event, text }) => {
        const when = new Date(at);
        const time = element("time", "", (day.format(when) === day.format(first) ? minute : moment).format(when));
        time.dateTime = at;
        const line = element("li", "", time, element("p", "", text));
        line.dataset.event = event;
        return line;
      }),
    );
    find("next").textContent = seen.next;
  } catch (problem) {
    fail("follow", problem);
  }
}

function startAgain() {
  current = {};
  for (const id of Object.keys(steps)) {
    tell(id);
    clearProblem(steps[id]);
    setState(id, id === "report" ? "active" : "idle");
  }
  delete steps.follow.dataset.ended;
  delete steps.accept.dataset.stuck;
  find("again").hidden = true;
  find("elsewhere").hidden = true;
  for (const holder of [find("task"), find("timeline"), find("next")]) holder.replaceChildren();
  // Another ID number makes it another household, whose report does not join the first.
  find("id_no").value = idNumber();
  goOn("report");
}

// --- from here on it lives -----------------------------------------------------------------------------

function onSubmit(id, act) {
  forms[id].addEventListener("submit", (event) => {
    event.preventDefault();
    if (steps[id].dataset.state === "active") act();
  });
}

function pickVillager() {
  const villager = villagerPicked();
  find("applicant_name").value = `示例${villager.nickname.at(-1)}`;
  showPhones(villager);
}

async function start() {
  const { simulator: url, people: listed } = await scene();
  simulator = new Simulator(url);
  people = listed.map((about) => new Person(about, simulator));
  const [villager] = withRole("villager");
  const [cadre] = withRole("cadre");
  find("phones").addEventListener("load", () => {
    framed = true;
    showPhones();
  });
  find("phones").src = `${url}/?${new URLSearchParams({ villager: villager.openid, cadre: cadre.openid })}`;

  const villagers = withRole("villager").map(({ key, openid, nickname }) => ({ key, code: openid, label: nickname }));
  offer(find("villagers"), "villager", "radio", villagers, [villager.openid]);
  offer(find("findings"), "finding", "radio", FINDINGS, ["true"]);
  find("id_no").value = idNumber();
  find("applicant_name").value = `示例${villager.nickname.at(-1)}`;

  places = new PlacePicker(find("places"), async (parent) => {
    const { items } = await villagerPicked().get("/api/regions", parent ? { parent } : {});
    return items;
  });
  const [form] = await Promise.all([villager.get("/api/report-form"), places.start()]);
  risks = form.risks;
  consentVersion = form.consent.version;
  offer(find("risks"), "risks", "checkbox", risks);
  find("consent").textContent = `《${form.consent.title}》（${form.consent.version}）：${form.consent.text}`;

  find("villagers").addEventListener("change", pickVillager);
  find("risks").addEventListener("change", () => {
    find("remark").hidden = !chosenIn(find("risks")).includes("other");
  });
  find("findings").addEventListener("change", () => {
    find("reason-field").hidden = !chosenIn(find("findings")).includes("not_true");
  });
  find("another").addEventListener("click", () => drawHouse(find("photo")));
  find("again").addEventListener("click", startAgain);
  find("elsewhere").addEventListener("click", startAgain);
  onSubmit("report", report);
  onSubmit("accept", accept);
  onSubmit("verify", verify);
  document.body.dataset.ready = "";
}

start().catch((problem) => {
  const broken = find("broken");
  const words = problem.errors ? problem.message : "页面没有准备好，请刷新后再试。";
  // Hashes and random keys need a page that the browser trusts: this machine's, or one over https.
  broken.textContent = isSecureContext ? words : "请在运行演示的这台电脑上，用 http://127.0.0.1 开头的地址打开。";
  broken.hidden = false;
});
