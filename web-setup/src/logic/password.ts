// A guess at how hard a password is to guess: enough to give good advice. What is accepted the server decides.

export type PasswordAdvice = 'short' | 'common' | 'name' | 'repeated' | 'simple' | 'good';

export interface Judgement {
  /** 0 very weak to 4 strong. */
  score: 0 | 1 | 2 | 3 | 4;
  advice: PasswordAdvice;
}

const common =
  'password passwort motdepasse contrasena contraseña secret geheim qwerty qwertz azerty letmein welcome willkommen bienvenue admin administrator hearth matrix element iloveyou ichliebedich teamo jetaime monkey dragon football fussball sunshine princess schatz soleil familie family famille familia master hallo hello bonjour hola abc123 123456 12345678 123456789 111111 000000'.split(
    ' ',
  );

const rows = ['abcdefghijklmnopqrstuvwxyz', '01234567890', 'qwertyuiop', 'qwertzuiop', 'azertyuiop', 'asdfghjkl', 'zxcvbnm', 'yxcvbnm'];

/** Letters that the one before doesn't foretell. */
function surprising(password: string): number {
  const lower = password.toLowerCase();
  let count = 0;
  for (let at = 0; at < lower.length; at += 1) {
    const here = lower.charAt(at);
    const pair = lower.charAt(at - 1) + here;
    const told = at > 0 && (lower.charAt(at - 1) === here || rows.some((row) => row.includes(pair) || row.includes(here + lower.charAt(at - 1))));
    count += told ? 0.25 : 1;
  }
  return count;
}

function alphabet(password: string): number {
  let size = 0;
  if (/\p{Ll}/u.test(password)) size += 26;
  if (/\p{Lu}/u.test(password)) size += 26;
  if (/\p{Nd}/u.test(password)) size += 10;
  if (/[^\p{L}\p{Nd}]/u.test(password)) size += 20;
  return Math.max(size, 10);
}

export function judge(password: string, name = ''): Judgement {
  const lower = password.toLowerCase();
  const core = lower.replace(/[^\p{L}]+/gu, '');
  if (password.length > 0 && (common.includes(lower) || common.includes(core))) return { score: 0, advice: 'common' };
  if (name.length >= 3 && lower.includes(name.toLowerCase()) && password.length < name.length + 8) return { score: 1, advice: 'name' };
  const odd = surprising(password);
  const distinct = new Set(lower).size;
  // Words have some two and a half bits a letter; only short passwords of many kinds of signs do better.
  const perLetter = Math.min(Math.log2(alphabet(password)), 2.6 + (alphabet(password) > 40 ? 1.2 : 0));
  const bits = Math.min(odd, distinct * 3) * perLetter;
  const score = bits < 18 ? 0 : bits < 28 ? 1 : bits < 38 ? 2 : bits < 52 ? 3 : 4;
  if (odd < password.length * 0.6 && password.length > 3) return { score: Math.min(score, 1) as Judgement['score'], advice: 'repeated' };
  if (password.length < 10) return { score: Math.min(score, 2) as Judgement['score'], advice: 'short' };
  return { score, advice: score >= 3 ? 'good' : 'simple' };
}
