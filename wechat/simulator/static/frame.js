// An authorisation page in a frame: the phone that shows the frame has written in its name whose phone it is.
// A frame that is nobody's goes on with an empty holder, and the simulator falls back on the cookie.

const holder = /^sim:(.+)$/.exec(window.name)?.[1] ?? "";
const address = new URL(location.href);
address.searchParams.set("_sim_holder", holder);
location.replace(address);
