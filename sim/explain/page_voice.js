// Reading aloud with a voice of the device itself: nothing that is read leaves it.
const VOICES_WAIT_MS = 1500;

class Voice {
  constructor(told) {
    this.told = told; // called when voices are known, and when reading begins or ends
    this.ready = false;
    this.reading = false;
    const synthesis = window.speechSynthesis;
    if (!synthesis) { this.ready = true; return; }
    synthesis.addEventListener?.('voiceschanged', () => { this.ready = true; this.told(); });
    if (synthesis.getVoices().length) this.ready = true;
    else setTimeout(() => { this.ready = true; this.told(); }, VOICES_WAIT_MS);
  }

  // The device's own voice for a language, or undefined.
  of(language) {
    const all = window.speechSynthesis?.getVoices() ?? [];
    return all.find((v) => v.localService && v.lang.toLowerCase().split(/[-_]/)[0] === language);
  }

  read(passages, language) {
    this.stop();
    const voice = this.of(language), synthesis = window.speechSynthesis;
    if (!voice) return;
    this.reading = true;
    passages.forEach((text, i) => {
      const speech = new SpeechSynthesisUtterance(text);
      speech.lang = voice.lang;
      speech.voice = voice;
      speech.rate = 0.92;
      if (i === passages.length - 1) speech.onend = () => { this.reading = false; this.told(); };
      synthesis.speak(speech);
    });
    this.told();
  }

  stop() {
    if (!this.reading) return;
    this.reading = false;
    window.speechSynthesis.cancel();
    this.told();
  }
}
