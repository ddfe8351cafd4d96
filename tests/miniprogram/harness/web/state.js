/**
 * What a test decides about this phone before or while it runs. The test's page writes `window.phone`:
 *
 *   openid    whose phone it is
 *   service   where the service really listens
 *   domain    the address that the build calls it by; the one that WeChat would let through
 *   asks      (what, more) → Promise, asks WeChat's own servers (the simulator) for a code
 *   photos, recording, position   what the camera, the microphone and the satellites give next
 *   refuses   names of scopes and questions to which this person says no
 *
 * The page that opens first stands with its query in the address, as `page`; where it is empty, it is the build's
 * first page.
 */
export const phone = Object.assign(window.phone, {
  photos: [],
  recording: null,
  position: null,
  refuses: [],
  page: new URLSearchParams(location.search).get("page") ?? "",
  ...window.phone,
});

export const bytesOf = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer;
export const base64Of = (buffer) => {
  let text = "";
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
  return btoa(text);
};
