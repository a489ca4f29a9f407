// Audio as the protocol carries it: mono PCM, 16 bits, little-endian, 24 kHz, in base64.

export const RATE = 24_000;

/** Float samples in [-1, 1] as 16-bit integers. */
export function toPcm16(samples) {
  const pcm = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const clipped = Math.max(-1, Math.min(1, samples[i]));
    pcm[i] = Math.round(clipped * 32767);
  }
  return pcm;
}

/** 16-bit integers as float samples. */
export function toFloat(pcm) {
  const samples = new Float32Array(pcm.length);
  for (let i = 0; i < pcm.length; i++) samples[i] = pcm[i] / 32768;
  return samples;
}

export function encode(samples) {
  const bytes = new Uint8Array(toPcm16(samples).buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

/** Throws where the text is no base64; half a sample at the end is left out. */
export function decode(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length & ~1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return toFloat(new Int16Array(bytes.buffer));
}

/** Root mean square: 0 silence, 1 as loud as can be. */
export function loudness(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length ? Math.sqrt(sum / samples.length) : 0;
}

/** Loudness as a position from 0 to 1 on a scale that the ear would draw: 60 dB. */
export function onScale(rms) {
  return rms > 0 ? Math.max(0, Math.min(1, 1 + (20 * Math.log10(rms)) / 60)) : 0;
}
