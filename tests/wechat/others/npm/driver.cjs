/*
 * Lets Python call two WeChat clients for Node.js that this project did not write.
 *
 * Reads one call a line, {"call": "co.getUser", "args": ["oOA…"]}, and writes one answer a line: {"result": …}
 * or {"error": {"name", "message", "code"}}. A medium's bytes travel both ways as {"base64": "…"}. The first
 * call is driver.use with {"base": simulator, "cache": folder, "oa": account, "mp": account}; it may be called
 * again, and then starts over.
 *
 * package.json keeps node-socialite at 1.4.1: node-easywechat 3.6.2 allows 1.5 but looks for files that it lacks.
 */
'use strict';

const http = require('node:http');
const net = require('node:net');
const readline = require('node:readline');

// No connection may leave this machine, whatever host a client has written down.
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  const options = [args[0]].flat()[0];
  const host = typeof options === 'object' ? (options.host ?? options.path) : args[1];
  if (host !== '127.0.0.1') {
    throw new Error(`only 127.0.0.1 may be connected to, not ${host}`);
  }
  return connect.apply(this, args);
};

const axios = require('axios');
const CoWechatApi = require('co-wechat-api');
const { MiniApp, OfficialAccount, ServerRequest } = require('node-easywechat');

const PLATFORM = 'https://api.weixin.qq.com';

/** What the clients talk to, set by driver.use. */
let base;
/** Paths asked of the host that node-socialite, the OAuth part of node-easywechat, has written down. */
let rehosted = [];
let targets = {};
let server = http.createServer();

// An integrator who needs another host for OAuth would do the same: it has no setting, and shares this axios.
axios.interceptors.request.use((config) => {
  if (config.url.startsWith(PLATFORM)) {
    const rest = config.url.slice(PLATFORM.length);
    rehosted.push(new URL(config.url).pathname);
    config.url = base + rest;
  }
  return config;
});

/** co-wechat-api: a method for every path; its hosts are public fields. */
function coWechat({ app_id: appId, secret }) {
  const api = new CoWechatApi(appId, secret);
  for (const field of Object.keys(api).filter((name) => name.toLowerCase().endsWith('prefix'))) {
    api[field] = api[field].replace(PLATFORM, base);
  }
  return api;
}

/** node-easywechat's client, which calls any path by its name. */
function paths(application) {
  const client = application.getClient();
  return {
    get: async (path, params) => (await client.get(path, { params })).toObject(),
    post: async (path, body) => (await client.postJson(path, body)).toObject(),
  };
}

/** What Python may call of node-easywechat: tokens, tickets, OAuth and cryptography, and any path. */
function easyOfficialAccount(app) {
  const login = (scope) => app.getOAuth().scopes([scope]);
  return {
    ...paths(app),
    token: () => app.getAccessToken().getToken(),
    freshToken: () => app.getAccessToken().getStableAccessToken(true),
    ticket: () => app.getTicket().getTicket(),
    signature: (url, nonce, time) => app.getTicket().configSignature(url, nonce, time),
    authorizeUrl: (target, state, scope) => login(scope).withState(state).redirect(target),
    userFromCode: async (code, scope) => (await login(scope).userFromCode(code)).getRaw(),
    tokenFromCode: (code) => app.getOAuth().tokenFromCode(code),
    encrypt: (xml, nonce, time) => app.getEncryptor().encrypt(xml, nonce, time),
    decrypt: (text, signature, nonce, time) => app.getEncryptor().decrypt(text, signature, nonce, time),
  };
}

/** A callback server made with node-easywechat alone: keeps what it is told and answers texts. */
function callbackServer(account) {
  const told = [];
  const hear = async (message, next) => {
    told.push(message.toObject());
    return message.MsgType === 'text' ? `收到：${message.Content}` : next(message);
  };
  return {
    told: () => told,
    async listen(encrypted) {
      const { aes_key: aesKey, ...plain } = account;
      server = http.createServer(async (incoming, outgoing) => {
        try {
          // One application a request: its server keeps the decryption of every message it has seen.
          const app = new OfficialAccount(encrypted ? account : plain);
          app.setRequest(await ServerRequest.createFromIncomingMessage(incoming));
          app.getServer().with(hear);
          const answer = await app.getServer().serve();
          outgoing.writeHead(answer.getStatusCode(), answer.getHeaders());
          outgoing.end(answer.getBody());
        } catch (error) {
          outgoing.writeHead(500).end(String(error));
        }
      });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${server.address().port}/`;
    },
  };
}

const driver = {
  use(settings) {
    server.close();
    server.closeAllConnections();
    base = settings.base;
    rehosted = [];
    const common = {
      http: { baseURL: base },
      file_cache: { path: settings.cache },
      use_stable_access_token: true,
    };
    const mini = new MiniApp({ ...settings.mp, ...common });
    targets = {
      driver,
      co: coWechat(settings.oa),
      coMini: coWechat(settings.mp),
      easy: easyOfficialAccount(new OfficialAccount({ ...settings.oa, ...common })),
      easyMini: { ...paths(mini), codeToSession: (code) => mini.getUtils().codeToSession(code) },
      callback: callbackServer(settings.oa),
    };
  },
  rehosted: () => rehosted,
  reach: async (url) => (await axios.get(url)).status,
};
targets = { driver };

const reviveBytes = (value) =>
  value !== null && typeof value === 'object' && 'base64' in value
    ? Buffer.from(value.base64, 'base64')
    : value;

async function answer(line) {
  const { call, args } = JSON.parse(line);
  const [target, method] = call.split('.');
  try {
    const result = await targets[target][method](...args.map(reviveBytes));
    return { result: Buffer.isBuffer(result) ? { base64: result.toString('base64') } : (result ?? null) };
  } catch ({ name, message, code }) {
    return { error: { name, message, code: code ?? null } };
  }
}

readline
  .createInterface({ input: process.stdin })
  .on('line', async (line) => process.stdout.write(`${JSON.stringify(await answer(line))}\n`))
  .on('close', () => process.exit(0));
