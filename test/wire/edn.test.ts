import { edn } from "../../src/wire/edn.ts";
import { packerContract } from "../contracts/packer.ts";

packerContract("edn", edn);
