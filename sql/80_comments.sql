/*
 * What tables, columns, indexes and triggers mean; functions say it beside
 * their definition.  sql/README.md is made of these comments ("make docs").
 *
 * The source of a rule stands in parentheses: F88 is a numbered source of the
 * domain notes, SEED4 a document the design began with, "default, not
 * official" a value of ours that any installation may change.
 */

-- ---- rules ----------------------------------------------------------------------

COMMENT ON TABLE triage.rulebook IS 'The one row that says which version of all rules is in force (规则库版本). Written by the configuration triggers; each decision stores its version and digest (SEED2: versioned rules).';
COMMENT ON COLUMN triage.rulebook.one IS 'Always true: there is one row.';
COMMENT ON COLUMN triage.rulebook.version IS 'Counts from 1; grows by one with every transaction that changes rules.';
COMMENT ON COLUMN triage.rulebook.digest IS '16 bytes: sum of the digests of all rule rows, so the same rules have the same digest in any database, however they came to be.';
COMMENT ON COLUMN triage.rulebook.at IS 'Time of the last change, by triage.clock().';

COMMENT ON TABLE triage.rulebook_image IS 'All rules of one version as one value, which new sessions read instead of all tables. This server''s own scratch: written by store_image() when a change of the rules commits, not dumped.';
COMMENT ON COLUMN triage.rulebook_image.one IS 'Always true: there is one row.';
COMMENT ON COLUMN triage.rulebook_image.version IS 'rulebook.version it was made of; another one makes it useless.';
COMMENT ON COLUMN triage.rulebook_image.digest IS 'rulebook.digest it was made of, 16 bytes.';
COMMENT ON COLUMN triage.rulebook_image.image IS 'The value; only the library of the same version reads it.';

COMMENT ON TABLE triage.rule_history IS 'Rule rows as they were before they were changed or deleted (历史规则), so that any version can be rebuilt. Appended to by the configuration triggers, never changed.';
COMMENT ON COLUMN triage.rule_history.relation IS 'Table of the row, without schema.';
COMMENT ON COLUMN triage.rule_history.version IS 'First rulebook version in which the row no longer stands like this.';
COMMENT ON COLUMN triage.rule_history.row IS 'The old row as an object, keys are columns.';

COMMENT ON TABLE triage.packs IS 'Rule packs (规则包) that were loaded: sets of rules that come and are updated together. Written by load_pack() and apply_pack().';
COMMENT ON COLUMN triage.packs.code IS 'Name of the pack, 1 to 40 of a-z, 0-9 and _; also its folder on the server.';
COMMENT ON COLUMN triage.packs.version IS 'Version as the pack''s author writes it, for example 2026.11.';
COMMENT ON COLUMN triage.packs.zh IS 'Name in Chinese.';
COMMENT ON COLUMN triage.packs.en IS 'Name in English.';
COMMENT ON COLUMN triage.packs.loaded_at IS 'When it was last loaded with a difference, by triage.clock(); set by the server.';
COMMENT ON COLUMN triage.packs.note IS 'What users of the pack must know, such as which values are not official; NULL = nothing.';

COMMENT ON TABLE triage.areas IS 'Areas (辖区): province, city, county, town 乡镇街道, village 村社区, grid 网格, as a tree. The one without parent is the root (the first by code, if several).';
COMMENT ON COLUMN triage.areas.code IS 'Code of the area; packs use the national division codes (行政区划代码), 6 digits a county, 9 a town 乡镇街道, 12 a village.';
COMMENT ON COLUMN triage.areas.parent IS 'areas.code of the area around it; NULL = root.';
COMMENT ON COLUMN triage.areas.zh IS 'Official name in Chinese; intake looks for it in addresses and texts.';
COMMENT ON COLUMN triage.areas.en IS 'Name in English; may be NULL.';
COMMENT ON COLUMN triage.areas.level IS 'province 省 | city 设区市 | county 县市区 | town 乡镇街道 | village 村社区 | grid 网格; a fact (area_level) of route conditions.';
COMMENT ON COLUMN triage.areas.urban IS 'true = town area (城区), false = countryside; policies may differ by it (arrival: F60). A case whose area is unknown counts as urban.';
COMMENT ON COLUMN triage.areas.boundary IS 'Outline, x = longitude and y = latitude in degrees (WGS84); NULL = not known. A report with coordinates belongs to the smallest area that holds them. 3 to 10000 points. Inside is what a line to the east crosses the outline from an odd number of times: an outline may go to further parts and back the same way, and round a hole. Of areas with a common border exactly one has each point of it.';
COMMENT ON COLUMN triage.areas.short IS 'Short input code for find_place(): pinyin initials of the name (拼音首字母), a-z and 0-9; NULL = none. Packs bring it.';

COMMENT ON TABLE triage.area_names IS 'Further names by which people call an area (地名别名): intake looks for them in addresses and texts, beside areas.zh.';
COMMENT ON COLUMN triage.area_names.area IS 'areas.code of what the name means. One name may stand for several areas.';
COMMENT ON COLUMN triage.area_names.name IS '2 to 60 characters; folded before it is compared, as texts are (width and other compatibility forms, case).';
COMMENT ON COLUMN triage.area_names.short IS 'Short input code for find_place(): pinyin initials of the name (拼音首字母), a-z and 0-9; NULL = none.';
COMMENT ON COLUMN triage.area_names.houses IS 'Of a road that runs through several areas, the house numbers 门牌号 that belong to this one, as "1-99 odd, 40, 100-" (odd 单号, even 双号); NULL = all. A number behind the name in a text that is not among them says that another area is meant.';
COMMENT ON COLUMN triage.area_names.kind IS 'name = another official name | alias = what people say | road 道路 | place = building or landmark 地标; for readers, all are searched alike.';

COMMENT ON TABLE triage.departments IS 'Units that can be given a case (责任单位): county departments 职能部门, town offices and teams, police, utilities, hotlines.';
COMMENT ON COLUMN triage.departments.code IS 'Code of the unit, used in assignments, members and verbs.';
COMMENT ON COLUMN triage.departments.kind IS 'What it is, alike in every area, for example T_PS police station 派出所, T_SQUAD on-scene team 即时处置队伍; route_parties.relation and superior name kinds. SGC_C (governance centre 社会治理中心) must exist: it owns what no route takes; T_PS is the police backup.';
COMMENT ON COLUMN triage.departments.zh IS 'Name in Chinese; citizens see it in status_by_token().';
COMMENT ON COLUMN triage.departments.en IS 'Name in English.';
COMMENT ON COLUMN triage.departments.level IS 'prefecture 市 | county 县 | town 乡镇街道 | village 村 | grid 网格 | social = company or association 社会力量.';
COMMENT ON COLUMN triage.departments.area IS 'areas.code it answers for, with all areas inside; NULL = everywhere. The unit of a kind for a case is that of the case''s area, else of the next area above that has one.';
COMMENT ON COLUMN triage.departments.superior IS 'departments.kind above it (上级单位): the target of "superior" steps, and who stands in where an area has no unit of this kind; NULL = top.';
COMMENT ON COLUMN triage.departments.endpoint IS 'endpoints.code that is told about its assignments and alarms; NULL = it looks itself. An installation sets it; packs leave it alone.';

COMMENT ON TABLE triage.channels IS 'Ways by which reports come in (受理渠道): 110, 12345, grid, chat, sensors, attached ticket systems. Every case has one.';
COMMENT ON COLUMN triage.channels.code IS 'Code that report() and inserts give.';
COMMENT ON COLUMN triage.channels.zh IS 'Name in Chinese.';
COMMENT ON COLUMN triage.channels.en IS 'Name in English.';
COMMENT ON COLUMN triage.channels.kind IS 'voice 语音 (the only one that takes a silent call without a body) | written 书面 | grid 网格 | sensor 感知设备 | model 数据模型 | walk_in 窗口 | host = attached ticket table.';
COMMENT ON COLUMN triage.channels.area IS 'areas.code its reports speak of unless they say otherwise; also decides between places of the same name; NULL = all.';
COMMENT ON COLUMN triage.channels.department IS 'departments.code or kind of the desk behind it (首接单位, F04); shown by chain() as the first link; NULL = the channel''s own code is shown.';
COMMENT ON COLUMN triage.channels.endpoint IS 'endpoints.code that gets the result (统一反馈, SEED0) of its reports; NULL = the channel asks itself.';
COMMENT ON COLUMN triage.channels.confirm_danger IS 'true = where danger is found a person confirms before police are sent; meant for written channels (default, not official).';
COMMENT ON COLUMN triage.channels.needs_caller IS 'true = there is a citizen who reports; false = grid, sensor, model: cases without a caller.';
COMMENT ON COLUMN triage.channels.allows_anonymous IS 'false, with needs_caller: a report must have reporter or contact (else TR005).';
COMMENT ON COLUMN triage.channels.fold_window IS 'A burst of one reporter (a sensor): a report within this time after the last becomes a count on the same open case; NULL = each is its own case (default, not official).';

COMMENT ON TABLE triage.case_types IS 'Catalogue of matters (事项类别), a tree of groups and types; packs bring 13 groups. Codes beginning P = police first, N = non-police and joint (codes are ours: default, not official).';
COMMENT ON COLUMN triage.case_types.code IS 'Code of the type.';
COMMENT ON COLUMN triage.case_types.parent IS 'case_types.code of its group; routes and policies of the group hold for it too; NULL = top.';
COMMENT ON COLUMN triage.case_types.zh IS 'Name in Chinese.';
COMMENT ON COLUMN triage.case_types.en IS 'Name in English.';
COMMENT ON COLUMN triage.case_types.nature IS 'police 警情 | nonpolice 非警务 | joint 警民联动 = police and a civil unit both act (F06 F42) | undetermined = groups. A dangerous nonpolice case becomes joint.';
COMMENT ON COLUMN triage.case_types.priority IS 'Ordinary urgency: 1 = U1 life, crime, danger; 2 = U2 quarrel or hazard now; 3 = U3 ordinary; 4 = U4 enquiry. A term of a priority-1 type is a danger term and wins over every other match (F05).';
COMMENT ON COLUMN triage.case_types.scene IS 'true = somebody must go there (需到场): with no on_scene party the lead gets the arrive clock.';
COMMENT ON COLUMN triage.case_types.fallback IS 'true = "other ..." type (兜底类别): chosen only when no ordinary type matched.';
COMMENT ON COLUMN triage.case_types.callback IS 'Return call (回访) after closing: required | sample 抽查 | none (default, not official).';
COMMENT ON COLUMN triage.case_types.short IS 'Short input code for suggestions: pinyin initials (拼音首字母); NULL = none.';
COMMENT ON COLUMN triage.case_types.basis IS 'Sources by value, as acc=F15;arr=D;fb=D;res=F61;dept=F43: limits of accept, arrive, feedback, resolve, and the duty of the departments. F-ids, SEEDn, G = general knowledge, D = default, not official; one D alone = all.';

COMMENT ON TABLE triage.terms IS 'Words by which a text is classified (关键词). The lengths of the words found decide; a word inside a longer one does not count again (default, not official).';
COMMENT ON COLUMN triage.terms.case_type IS 'case_types.code the word speaks for or against.';
COMMENT ON COLUMN triage.terms.kind IS 'include 关键词 = speaks for the type | exclude 排除词 = silences the type''s words near it: in its clause within 40 characters, over a comma within 8; silenced danger is never dropped, see triage.context_words (default, not official) | escalate 升级词 = violence, threat or weapon: once the type is chosen the case is dangerous and police join (F06).';
COMMENT ON COLUMN triage.terms.term IS '1 to 100 characters; folded before it is compared, as texts are (width and other compatibility forms, case). One that begins or ends with a letter or digit is found as a whole word.';

COMMENT ON TABLE triage.context_words IS 'Words beside which a danger or police word does not mean what it says (语境词): "没有打架", "去年起火", "如果发生火灾", "打架子鼓", "消防演练". They concern words of priority-1 types and of types of nature police only; elsewhere the same words are the matter itself ("没有路灯"). A word so silenced does not count. Silenced danger goes to a person, and the police are told, on every channel but those where confirm_danger is true and whose kind is not voice: there another type may decide, and decisions.facts.silenced keeps what was not counted; with no other type a person looks (domain rule 2; default, not official).';
COMMENT ON COLUMN triage.context_words.kind IS 'negation 否定 it is not so | past 往事 it was so (danger words only: last year''s theft is a police matter still) | supposed 假设 it might be so | figure 比喻 it is only said so | question 询问 somebody asks about it | drill 演练宣传 it is played, taught or shown | present 现状 it is so now: takes away past, supposed and question beside the same word | plain 平常 says nothing, but hides shorter context words inside it ("有没有人管") | turn 转折 nothing reaches across it ("但").';
COMMENT ON COLUMN triage.context_words.word IS '1 to 60 characters, folded as terms are. Inside an include term it says nothing ("没有呼吸").';
COMMENT ON COLUMN triage.context_words.stands IS 'Where it stands, seen from the danger word: before | after | around = before or after | over = only where the danger word is a part of it ("简直是抢钱"), which silences in any case.';
COMMENT ON COLUMN triage.context_words.reach IS 'Characters that may stand between it and the danger word, 0 to 60; without meaning for over, plain and turn.';
COMMENT ON COLUMN triage.context_words.scope IS 'clause = a comma ends its reach | sentence = only the end of the sentence does.';

COMMENT ON TABLE triage.routes IS 'Dispatch rules (分派规则): which units a case goes to. Highest precedence wins, then the deeper case type, then the smaller area, then a rule with a condition; legal duty is not pushed to the town (F80). No rule fits: the governance centre.';
COMMENT ON COLUMN triage.routes.code IS 'Code of the rule, stored with each decision 判定.';
COMMENT ON COLUMN triage.routes.case_type IS 'case_types.code, with all types below it; NULL = every type.';
COMMENT ON COLUMN triage.routes.area IS 'areas.code, with all areas inside; NULL = everywhere.';
COMMENT ON COLUMN triage.routes.condition IS 'Boolean SQL expression over the facts of the case (see try_condition()); NULL = always; unknown counts as false. One that fails while running sends the case to the centre.';
COMMENT ON COLUMN triage.routes.precedence IS 'Higher is asked first; 0 is usual.';
COMMENT ON COLUMN triage.routes.zh IS 'The rule in Chinese words; may be NULL.';
COMMENT ON COLUMN triage.routes.en IS 'The rule in English words; may be NULL.';
COMMENT ON COLUMN triage.routes.basis IS 'Source of the duty: F-ids, SEEDn, G = general knowledge, D = default, not official.';

COMMENT ON TABLE triage.route_parties IS 'Units of a route (分派规则的单位): one lead 牵头单位 and any assists 协办单位 ("1+X", SEED4 F80). A route without a unit is not used.';
COMMENT ON COLUMN triage.route_parties.route IS 'routes.code.';
COMMENT ON COLUMN triage.route_parties.seq IS 'Order among the units, from 1; the lead always comes first. Several leads: the first counts, the others are passed over.';
COMMENT ON COLUMN triage.route_parties.department IS 'departments.code of one unit; else relation.';
COMMENT ON COLUMN triage.route_parties.relation IS 'departments.kind: the unit of this kind for the case''s area; else department. A lead that is not found is replaced by the governance centre.';
COMMENT ON COLUMN triage.route_parties.duty IS 'lead 牵头 | assist 协办 | on_scene 到场处置 | backup 后备 (police reserve, SEED0) | expert 专家 | agent 代办员 (SEED1).';
COMMENT ON COLUMN triage.route_parties.skill IS 'Skill tag wanted of the staff who come (技能标签): where the unit has a roster, only shifts for this skill or for any count as on duty; suggest_staff() looks for it.';

COMMENT ON TABLE triage.calendars IS 'Calendars of working time (工作日历). The first by code that is closed on Sundays also gives local time and working time to route conditions and case numbers.';
COMMENT ON COLUMN triage.calendars.code IS 'Code of the calendar.';
COMMENT ON COLUMN triage.calendars.zh IS 'Name in Chinese.';
COMMENT ON COLUMN triage.calendars.en IS 'Name in English.';
COMMENT ON COLUMN triage.calendars.timezone IS 'Time zone of hours and days, for example Asia/Shanghai. A zone the server does not know makes the calendar unusable; lint() names it.';
COMMENT ON COLUMN triage.calendars.version IS 'Raise it when hours or days change: clocks 时限 keep the version they were computed with.';

COMMENT ON TABLE triage.calendar_hours IS 'Opening hours by weekday (上下班时间); several rows a day make a lunch break. A weekday without a row is closed. A shift over midnight is two rows.';
COMMENT ON COLUMN triage.calendar_hours.calendar IS 'calendars.code.';
COMMENT ON COLUMN triage.calendar_hours.weekday IS '1 = Monday to 7 = Sunday.';
COMMENT ON COLUMN triage.calendar_hours.opens IS 'Local time at which work begins.';
COMMENT ON COLUMN triage.calendar_hours.closes IS 'Local time at which it ends, after opens; 24:00 = midnight.';

COMMENT ON TABLE triage.calendar_days IS 'Days that differ from their weekday: holidays and make-up working days (节假日与调休), from the yearly notice of the State Council.';
COMMENT ON COLUMN triage.calendar_days.calendar IS 'calendars.code.';
COMMENT ON COLUMN triage.calendar_days.day IS 'Local date.';
COMMENT ON COLUMN triage.calendar_days.kind IS 'closed 放假 | as_weekday = hours of another weekday 调休上班 | hours = hours of its own.';
COMMENT ON COLUMN triage.calendar_days.as_weekday IS '1 = Monday to 7 = Sunday, whose hours hold; with kind as_weekday only.';
COMMENT ON COLUMN triage.calendar_days.opens IS 'Local time, with kind hours only.';
COMMENT ON COLUMN triage.calendar_days.closes IS 'Local time after opens, with kind hours only.';
COMMENT ON COLUMN triage.calendar_days.note IS 'Which holiday; may be NULL.';

COMMENT ON TABLE triage.policies IS 'Time limits (时限规定) by stage. For a clock 时限 the most special one counts: one for the mode in force, then deeper case type, then smaller area, then the number of other things it names. No policy for a stage: the stage is not timed.';
COMMENT ON COLUMN triage.policies.code IS 'Code of the policy, kept by its clocks.';
COMMENT ON COLUMN triage.policies.stage IS 'triage 研判 | accept 签收 | arrive 到场 | feedback 首次反馈 | resolve 办结 | ring_back 回拨 (silent calls) | assist 协办.';
COMMENT ON COLUMN triage.policies.case_type IS 'case_types.code, with types below it; NULL = every type. With a type and no priority it holds only while the case has the type''s ordinary priority.';
COMMENT ON COLUMN triage.policies.priority IS '1 to 4 as cases.priority; NULL = any.';
COMMENT ON COLUMN triage.policies.area IS 'areas.code, with areas inside; NULL = everywhere.';
COMMENT ON COLUMN triage.policies.urban IS 'Only for town (true) or rural (false) areas; NULL = both (police norm for arrival: F60).';
COMMENT ON COLUMN triage.policies.danger IS 'Only for dangerous (true) or other (false) cases; NULL = both.';
COMMENT ON COLUMN triage.policies.amount IS 'Length of the limit in units, counted from dispatch, not from signing (default, not official; F92); an assist''s from the moment it is called in.';
COMMENT ON COLUMN triage.policies.unit IS 'min 分钟 | h 小时 | d 天: time that passes; wh 工作小时 | wd 工作日: working time of the calendar; wd ends with the last closing of the n-th working day after the day of the start.';
COMMENT ON COLUMN triage.policies.calendar IS 'calendars.code; needed for wh and wd, unused otherwise.';
COMMENT ON COLUMN triage.policies.ladder IS 'policy_steps.ladder (升级阶梯) that a clock of this policy climbs; NULL = nobody is alarmed.';
COMMENT ON COLUMN triage.policies.basis IS 'Source of the limit: F-ids (F15 F60 F61 F64 F66 F67 F69 ...), G = general knowledge, D = default, not official.';
COMMENT ON COLUMN triage.policies.official IS 'true = a published rule says this limit; false = default, not official.';
COMMENT ON COLUMN triage.policies.mark IS 'Words to show beside the limit, such as 默认值，非官方; NULL = none.';

COMMENT ON TABLE triage.policy_steps IS 'Steps of ladders (升级阶梯): who is reminded, urged or alarmed when a clock 时限 nears or passes its limit. Colours near, behind, overdue: F88; percentages are default, not official.';
COMMENT ON COLUMN triage.policy_steps.ladder IS 'Code of the ladder; policies.ladder names it.';
COMMENT ON COLUMN triage.policy_steps.step IS 'Order on the ladder, 1 to 50.';
COMMENT ON COLUMN triage.policy_steps.percent IS 'Due when this share of the limit''s time has passed, in working time where the limit is; 100 = at the limit (80, 100, 150: default, not official).';
COMMENT ON COLUMN triage.policy_steps.or_late_amount IS 'Due already this long after the limit, if that is earlier than percent; NULL = percent alone (1 wd in the standard ladder: default, not official).';
COMMENT ON COLUMN triage.policy_steps.or_late_unit IS 'Unit of or_late_amount, as policies.unit.';
COMMENT ON COLUMN triage.policy_steps.colour IS 'Colour the clock takes: blue 蓝 = near | yellow 黄 = behind | red 红 = overdue (F88); NULL = keeps its colour.';
COMMENT ON COLUMN triage.policy_steps.action IS 'remind 提醒 | urge 催办 | supervise 督办 (F63) | escalate 上报 | alert 提醒指挥员: a notice to the target; police_backup 公安跟进: the area''s police station gets an assignment beside the lead (SEED0).';
COMMENT ON COLUMN triage.policy_steps.target IS 'Who is told: owner = the unit whose clock it is, else the lead 牵头 | superior = the unit above the owner 上级 | centre = governance centre 社会治理中心 | commander 值班指挥员 = as centre. Of no effect with police_backup.';
COMMENT ON COLUMN triage.policy_steps.repeat_every IS 'The step comes again after this long until acknowledge() 知悉 or the clock stops; the last step of a ladder only. NULL = once (default, not official).';
COMMENT ON COLUMN triage.policy_steps.repeat_danger IS 'true = it repeats for dangerous cases only.';
COMMENT ON COLUMN triage.policy_steps.zh IS 'Words of the notice in Chinese.';
COMMENT ON COLUMN triage.policy_steps.en IS 'Words of the notice in English.';
COMMENT ON COLUMN triage.policy_steps.basis IS 'Source of the step: F-ids, SEEDn, D = default, not official.';

COMMENT ON TABLE triage.endpoints IS 'Receivers of deliveries over HTTP (推送地址). Where they may lie is limited by the setting triage.allowed_networks. Numbers are default, not official.';
COMMENT ON COLUMN triage.endpoints.code IS 'Code that departments and channels name.';
COMMENT ON COLUMN triage.endpoints.url IS 'http or https address without user and password.';
COMMENT ON COLUMN triage.endpoints.format IS 'cloudevents = CloudEvents 1.0 JSON; else a function that makes the payload of the event, run with the rights of configured_by. If it fails the event goes out as cloudevents.';
COMMENT ON COLUMN triage.endpoints.max_attempts IS 'Attempts before a delivery becomes a dead letter 死信; 1 to 100.';
COMMENT ON COLUMN triage.endpoints.timeout_ms IS 'Milliseconds one transfer may take in all.';
COMMENT ON COLUMN triage.endpoints.retry_base_ms IS 'Milliseconds before the second attempt; doubled each time, a quarter more or less by chance, never beyond triage.retry_cap.';
COMMENT ON COLUMN triage.endpoints.auth IS 'NULL = deliveries are signed with the secret. bearer, token = the endpoint is an interface that wants its own token: the newest secret goes out as "Authorization: Bearer ..." or "Authorization: Token token=...", by https or on this machine only, and nothing is signed.';
COMMENT ON COLUMN triage.endpoints.configured_by IS 'Role whose rights the format runs with; set by the server to whoever configured the row, not taken from packs.';

COMMENT ON TABLE triage.endpoint_secrets IS 'Signing secrets of endpoints (签名密钥), write-only: filled by set_secret(), nobody is granted SELECT. Two at a time during a change of secret.';
COMMENT ON COLUMN triage.endpoint_secrets.endpoint IS 'endpoints.code.';
COMMENT ON COLUMN triage.endpoint_secrets.seq IS 'Counts the endpoint''s secrets from 1; the highest is the newest.';
COMMENT ON COLUMN triage.endpoint_secrets.secret IS '24 to 64 bytes; key of the HMAC-SHA256 signature of Standard Webhooks.';
COMMENT ON COLUMN triage.endpoint_secrets.valid_until IS 'Until when it is still used beside a newer one; NULL = no end.';

COMMENT ON TABLE triage.outcomes IS 'Results a case can end with (办理结果), and what each must be accompanied by. The list is default, not official.';
COMMENT ON COLUMN triage.outcomes.code IS 'Code that resolve() takes; answered is set by answer().';
COMMENT ON COLUMN triage.outcomes.zh IS 'Words in Chinese; the citizen reads them.';
COMMENT ON COLUMN triage.outcomes.en IS 'Words in English.';
COMMENT ON COLUMN triage.outcomes.settled IS 'true = counts as resolved or disposed of (化解处置) in the rates.';
COMMENT ON COLUMN triage.outcomes.requires IS 'Keys that resolve()''s attrs must have, not null, for example parties, amount, risk_level of a mediation agreement; {} = none.';
COMMENT ON COLUMN triage.outcomes.basis IS 'Source: F-ids, SEEDn, D = default, not official.';

COMMENT ON TABLE triage.stock_phrases IS 'Words that are no result by themselves (套话, F42): resolve() refuses a body in which hardly anything stands beside them.';
COMMENT ON COLUMN triage.stock_phrases.phrase IS 'The words, as they are written.';
COMMENT ON COLUMN triage.stock_phrases.basis IS 'Where it comes from: notes of the domain, D = default.';
COMMENT ON COLUMN triage.stock_phrases.active IS 'false = retired.';
COMMENT ON COLUMN triage.stock_phrases.pack IS 'Pack it came with, NULL = this installation''s own.';

COMMENT ON TABLE triage.follow_ups IS 'Tasks that are opened when a case is closed (回访走访任务): for a type or group and an outcome, so long after, for a department or the unit of a kind in the case''s area, else the governance centre. Read when a case is closed.';
COMMENT ON COLUMN triage.follow_ups.code IS 'Name of the rule.';
COMMENT ON COLUMN triage.follow_ups.case_type IS 'The case''s type or the one above it; NULL = all.';
COMMENT ON COLUMN triage.follow_ups.outcome IS 'outcomes.code it was closed with; NULL = any.';
COMMENT ON COLUMN triage.follow_ups.after IS 'The task is due so long after closing.';
COMMENT ON COLUMN triage.follow_ups.department IS 'Who does it; NULL = relation says.';
COMMENT ON COLUMN triage.follow_ups.relation IS 'Kind of unit in the case''s area, for example VILLAGE; NULL = department says.';
COMMENT ON COLUMN triage.follow_ups.kind IS 'task 任务 | visit 走访.';
COMMENT ON COLUMN triage.follow_ups.zh IS 'What is to be done, in Chinese: the task''s words.';
COMMENT ON COLUMN triage.follow_ups.en IS 'The same in English.';
COMMENT ON COLUMN triage.follow_ups.basis IS 'Where the rule comes from: notes of the domain, D = default.';
COMMENT ON COLUMN triage.follow_ups.active IS 'false = retired.';
COMMENT ON COLUMN triage.follow_ups.pack IS 'Pack it came with, NULL = this installation''s own.';

COMMENT ON TABLE triage.members IS 'Who acts for whom (人员权限): database roles and their duties. While no row is active everybody who may call functions may do and see all.';
COMMENT ON COLUMN triage.members.role IS 'Name of a database role exactly as triage.actor() gives it; being granted this role does not count.';
COMMENT ON COLUMN triage.members.duty IS 'operator 接线员 = sees cases of the area, may answer() | centre 中心 = also dispatches and closes | handler 承办人 and head 负责人 = act for the department, see its cases | admin 管理员 = as centre.';
COMMENT ON COLUMN triage.members.department IS 'departments.code acted for; needed for handler and head; '''' = none.';
COMMENT ON COLUMN triage.members.area IS 'areas.code whose cases, with areas inside, an operator, centre or admin sees; '''' = all.';

COMMENT ON TABLE triage.transitions IS 'The state machine of a case (案件状态机): a row = the verb is legal from this state. Comes with the extension, not with packs, and is not dumped.';
COMMENT ON COLUMN triage.transitions.verb IS 'Name of the function.';
COMMENT ON COLUMN triage.transitions.from_status IS 'cases.status in which it is legal.';
COMMENT ON COLUMN triage.transitions.to_status IS 'cases.status it leads to; NULL = the status stays, or becomes one of leads_to.';
COMMENT ON COLUMN triage.transitions.leads_to IS 'Where else it may lead, by its arguments or by what the rules then say.';
COMMENT ON COLUMN triage.transitions.starts IS 'Stages whose clocks 时限 it may start, for readers; the verbs themselves start them. suspend makes all others stand still, resume sets them going again.';
COMMENT ON COLUMN triage.transitions.level IS 'case = acts on the case | assignment = acts on one unit''s part.';
COMMENT ON COLUMN triage.transitions.duty IS 'Who may: centre 社会治理中心 | desk = operators 受理席 and the centre | lead 牵头单位 | party = a unit that takes part | anyone who sees the case.';
COMMENT ON COLUMN triage.transitions.needs IS 'Arguments it asks for, in words, for front ends; NULL = none.';
COMMENT ON COLUMN triage.transitions.stops IS 'Stages whose clocks 时限 it may stop, for readers; the verbs themselves stop them.';

-- ---- cases ----------------------------------------------------------------------

COMMENT ON TABLE triage.cases IS 'Cases (案件), a row each: a matter that citizens, grid staff or sensors reported. Inserted by report(), INSERT or COPY, where triggers decide and dispatch; changed by verbs only. Rows given with a status are taken as they are (restore, administrators only).';
COMMENT ON COLUMN triage.cases.case_id IS 'Identity; first in the key of everything that belongs to the case.';
COMMENT ON COLUMN triage.cases.number IS 'Case number (案件编号) for people: day of intake and case_id, as 20261122-000017; made by intake.';
COMMENT ON COLUMN triage.cases.kind IS 'incident 事件 | task 任务 | visit 走访 | campaign 专项: a task is a case without a caller. Rates count incidents.';
COMMENT ON COLUMN triage.cases.channel IS 'channels.code (受理渠道) of the first report.';
COMMENT ON COLUMN triage.cases.external_ref IS 'Number the channel gave the first report; once per channel, see case_refs; NULL = none.';
COMMENT ON COLUMN triage.cases.reported_at IS 'When the citizen reported: given, else the time of intake; from 2000 on, at most triage.max_ahead after the clock.';
COMMENT ON COLUMN triage.cases.received_at IS 'When intake took it, by triage.clock(); clocks 时限 start here or at dispatch.';
COMMENT ON COLUMN triage.cases.reporter IS 'Who reported first (反映人), personal; of a sensor its name; NULL = unknown or anonymous. Never part of events or deliveries.';
COMMENT ON COLUMN triage.cases.contact IS 'How to reach the first reporter, as given (联系方式), personal; NULL = not known. Never part of events or deliveries.';
COMMENT ON COLUMN triage.cases.body IS 'Words of the first report (反映内容), at most 8 MB; NULL = silent call. Sent to the units.';
COMMENT ON COLUMN triage.cases.area IS 'areas.code: given, else found in address, then text, else the channel''s; the smallest area that is sure; NULL = unknown.';
COMMENT ON COLUMN triage.cases.address IS 'Where, in words (地址), as given; may be NULL.';
COMMENT ON COLUMN triage.cases.location IS 'Where, x = longitude and y = latitude in degrees (WGS84), as given; may be NULL.';
COMMENT ON COLUMN triage.cases.case_type IS 'case_types.code: given by a person, else the likeliest by terms, even while a person still has to confirm it; NULL = nothing matched.';
COMMENT ON COLUMN triage.cases.nature IS 'police 警情 | nonpolice 非警务 | joint 警民联动 | undetermined = until somebody decides.';
COMMENT ON COLUMN triage.cases.priority IS 'Urgency: 1 = U1 life, crime, danger; 2 = U2 quarrel or hazard now; 3 = U3 ordinary; 4 = U4 enquiry. Of the case type, 1 with danger, 3 without a type.';
COMMENT ON COLUMN triage.cases.danger IS 'Danger to life or threat of violence was found or supposed (F05 F06); only a person''s verb takes it back.';
COMMENT ON COLUMN triage.cases.status IS 'new (inside intake only) | triage 待研判 | dispatched 已派单 | accepted 已签收 | in_progress 处置中 | return_requested 申请退单 | suspended 挂账 | review 待审核 | callback 待回访 | closed 已结案 | merged 已并案 | void 无效. After the loop of F34 and hotline practice F81.';
COMMENT ON COLUMN triage.cases.lead IS 'departments.code of the lead (牵头单位): who answers for the case (SEED4 F80); in triage the governance centre. The live assignment with duty lead says the same.';
COMMENT ON COLUMN triage.cases.colour IS 'Deadline colour: the worst of the running clocks, blue 蓝 | yellow 黄 | red 红 (F88); NULL = none is near its limit.';
COMMENT ON COLUMN triage.cases.event_colour IS 'Colour of the matter itself before anything happens (SEED4: blue 蓝 = phone, visit, mediate), apart from deadlines; NULL = none; intake leaves it alone.';
COMMENT ON COLUMN triage.cases.confidence IS 'How sure the classification is, 0 to 1; 1 = the type was given. Below triage.min_confidence (0.5: default, not official) a person decides.';
COMMENT ON COLUMN triage.cases.outcome IS 'outcomes.code of the last result (办理结果), set by resolve() and answer(); NULL = none yet.';
COMMENT ON COLUMN triage.cases.merged_into IS 'case_id of the case that goes on in its stead (并案); NULL = not merged.';
COMMENT ON COLUMN triage.cases.dispatched_at IS 'When it last went to a unit (派单); NULL = still in triage.';
COMMENT ON COLUMN triage.cases.closed_at IS 'When it was closed (结案, 销号); NULL = open.';
COMMENT ON COLUMN triage.cases.report_count IS 'Reports of the matter so far: rows of case_sources.';
COMMENT ON COLUMN triage.cases.event_seq IS 'events.seq of the last event: the case''s own counter.';
COMMENT ON COLUMN triage.cases.rulebook_version IS 'rulebook.version by which it was last decided.';
COMMENT ON COLUMN triage.cases.attrs IS 'Further facts of the report, an object; a fact of route conditions. report() adds the citizen''s token to what it returns, not to the row.';

COMMENT ON TABLE triage.case_refs IS 'References of channels that are taken (外部编号), so that one report cannot become two cases. Written by report(), add_source() and intake.';
COMMENT ON COLUMN triage.case_refs.channel IS 'channels.code.';
COMMENT ON COLUMN triage.case_refs.external_ref IS 'The channel''s number of the report; a character U+0001 and a reporter marks the case that this sender''s reports fold into (channels.fold_window): no number can be that.';
COMMENT ON COLUMN triage.case_refs.case_id IS 'cases.case_id that has it.';
COMMENT ON INDEX triage.case_refs_reference_idx IS 'The same reference on whatever channel: the rule of repeats by reference (repeat_rules.same).';

COMMENT ON TABLE triage.case_sources IS 'Every report of a case (来源), the first too: same matter by several channels is one case with several sources (三源共治, SEED0); each gets the result. No source is ever lost (F80).';
COMMENT ON COLUMN triage.case_sources.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.case_sources.seq IS '1 = the report that opened the case.';
COMMENT ON COLUMN triage.case_sources.channel IS 'channels.code.';
COMMENT ON COLUMN triage.case_sources.external_ref IS 'The channel''s number of this report; NULL = none.';
COMMENT ON COLUMN triage.case_sources.reporter IS 'Who reported, personal; NULL = unknown.';
COMMENT ON COLUMN triage.case_sources.contact IS 'How to reach him, as given, personal; NULL = not known.';
COMMENT ON COLUMN triage.case_sources.contact_key IS 'Keyed digest of the normalised contact, to find callers without showing numbers; NULL = not made.';
COMMENT ON COLUMN triage.case_sources.language IS 'Language the reporter wants to be answered in, as a BCP 47 tag; NULL = not known.';
COMMENT ON COLUMN triage.case_sources.confidential IS 'The reporter asked that his name stays hidden (保密举报).';
COMMENT ON COLUMN triage.case_sources.reported_at IS 'When this report was made.';
COMMENT ON COLUMN triage.case_sources.body IS 'Its words; NULL for seq 1, whose words are cases.body.';
COMMENT ON COLUMN triage.case_sources.token IS 'SHA-256 of the citizen''s token (查询码), 32 bytes; the token itself is kept nowhere. NULL = none was given out.';
COMMENT ON COLUMN triage.case_sources.digest_key IS 'Key, 16 random bytes, of the digest by which the history vouches for reporter, contact and body (personal in the event''s data); NULL once anonymised.';

COMMENT ON TABLE triage.decisions IS 'Decisions (判定): what a case was held to be and why, at intake and whenever it is decided again. Appended to, never changed; explain() reads it.';
COMMENT ON COLUMN triage.decisions.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.decisions.seq IS '1 = at intake.';
COMMENT ON COLUMN triage.decisions.at IS 'When, by triage.clock().';
COMMENT ON COLUMN triage.decisions.rulebook_version IS 'rulebook.version it was made by.';
COMMENT ON COLUMN triage.decisions.rulebook_digest IS 'rulebook.digest it was made by, 16 bytes.';
COMMENT ON COLUMN triage.decisions.route IS 'routes.code (分派规则) that won; NULL = none: a person named the unit, a person must look, or the centre owns it for want of a rule.';
COMMENT ON COLUMN triage.decisions.case_type IS 'case_types.code chosen; NULL = none.';
COMMENT ON COLUMN triage.decisions.facts IS 'What it was made from, an object: channel, verdict (given | terms | danger | silent | no_match | tie | weak | confirm_danger | doubtful_danger | police_doubt), nature, priority, danger, confidence in thousandths, body_length in characters, text_digest, hits [[term, case_type, kind, weight]], place {by, area, name}, local_time, in_worktime; if any, silenced [[danger or police word not counted, case_type, exclude or kind of the context word, the word beside it]], escalated, given_type, passed [{route, because}], route_error. Weights in half characters: a Han character counts 2.';
COMMENT ON COLUMN triage.decisions.candidates IS 'The likeliest case types, best first, at most three: [{case_type, zh, score}], scores in half characters; where a model took part (facts.model) the thousandths of the mean of its probability and the terms'' share.';
COMMENT ON COLUMN triage.decisions.reason IS 'Why, in a Chinese and an English clause, with the words found.';
COMMENT ON COLUMN triage.decisions.follow_up_on IS 'Day on which to see what became of it (跟踪日期, SEED2); NULL = none set.';

COMMENT ON TABLE triage.assignments IS 'Units that take part in a case (承办单位): one live lead 牵头 and any assists 协办, tracked each by itself. Written by intake, verbs and ladders; a row is never deleted.';
COMMENT ON COLUMN triage.assignments.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.assignments.seq IS 'Counts the case''s assignments from 1.';
COMMENT ON COLUMN triage.assignments.department IS 'departments.code.';
COMMENT ON COLUMN triage.assignments.duty IS 'lead 牵头 | assist 协办 | on_scene 到场处置 | backup 后备 (police reserve, SEED0) | expert 专家 | agent 代办员.';
COMMENT ON COLUMN triage.assignments.parent_seq IS 'assignments.seq of the unit that brought it in: the lead''s for assists, who passed it down (转办) for transfers, the centre''s for a lead dispatched by hand; NULL = the lead, or the centre, named at intake.';
COMMENT ON COLUMN triage.assignments.status IS 'offered 待签收 | accepted 已签收 | on_scene 已到场 | done 完成 | return_requested 申请退单 | withdrawn 撤回. done and withdrawn are the end, the others are live.';
COMMENT ON COLUMN triage.assignments.offered_at IS 'When the unit got it.';
COMMENT ON COLUMN triage.assignments.accepted_at IS 'When it signed (签收), in the field''s time; NULL = not yet.';
COMMENT ON COLUMN triage.assignments.arrived_at IS 'When it was on the scene (到场), in the field''s time; NULL = not.';
COMMENT ON COLUMN triage.assignments.done_at IS 'When its part ended, done or withdrawn; NULL = live.';
COMMENT ON COLUMN triage.assignments.due_at IS 'The next deadline of a live part: the earliest due_at of its running clocks, for the lead also of the case''s own; NULL = none runs, or the part has ended. Not kept while the case is merged.';

COMMENT ON TABLE triage.clocks IS 'Clocks (时限): each times one stage of a case or of one unit''s part. Overdue = running and red; missed is set when it stops late. Every unit has its own; a transfer gives the new unit its own time.';
COMMENT ON COLUMN triage.clocks.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.clocks.clock_id IS 'Counts the case''s clocks from 1.';
COMMENT ON COLUMN triage.clocks.assignment_seq IS 'assignments.seq it belongs to; NULL = the case''s own (resolve).';
COMMENT ON COLUMN triage.clocks.stage IS 'policies.stage: triage 研判 | accept 签收 | arrive 到场 | feedback 反馈 | resolve 办结 | ring_back 回拨 | assist 协办.';
COMMENT ON COLUMN triage.clocks.state IS 'running 计时 | paused 暂停 | met 按时 = stopped by due_at | missed 超时 = stopped later | cancelled 取消 = the matter fell away.';
COMMENT ON COLUMN triage.clocks.colour IS 'Colour of the last step that has one: blue 蓝 | yellow 黄 | red 红 (F88); stays when the clock stops; NULL = none yet.';
COMMENT ON COLUMN triage.clocks.policy IS 'policies.code it was started by.';
COMMENT ON COLUMN triage.clocks.policy_version IS 'rulebook.version at its start: later changes of policies leave it alone.';
COMMENT ON COLUMN triage.clocks.calendar IS 'calendars.code of a limit in working time; NULL = time that passes.';
COMMENT ON COLUMN triage.clocks.calendar_version IS 'calendars.version that due_at was computed with; NULL without calendar.';
COMMENT ON COLUMN triage.clocks.amount IS 'policies.amount at its start.';
COMMENT ON COLUMN triage.clocks.unit IS 'policies.unit at its start: min | h | d | wh | wd.';
COMMENT ON COLUMN triage.clocks.ladder IS 'policy_steps.ladder (升级阶梯) it climbs; NULL = none.';
COMMENT ON COLUMN triage.clocks.next_step IS 'Place of the next step among the ladder''s active steps, from 0.';
COMMENT ON COLUMN triage.clocks.occurrence IS 'How often the next step has come before: 0 unless it repeats.';
COMMENT ON COLUMN triage.clocks.started_at IS 'When it began to run: at dispatch, not at signing (default, not official; F92).';
COMMENT ON COLUMN triage.clocks.due_at IS 'The limit.';
COMMENT ON COLUMN triage.clocks.next_step_at IS 'When the next step of the ladder fires; NULL = none to come.';
COMMENT ON COLUMN triage.clocks.stopped_at IS 'When it stopped, in the field''s time (triage.happened_at); NULL = it has not.';
COMMENT ON COLUMN triage.clocks.acknowledged_at IS 'When somebody took notice (知悉): repeating steps stop repeating; NULL = nobody.';
COMMENT ON COLUMN triage.clocks.paused_at IS 'Since when it stands still (state paused), else NULL.';
COMMENT ON COLUMN triage.clocks.paused_step_at IS 'When its next step would have come when it was paused, else NULL.';
COMMENT ON COLUMN triage.clocks.resumed_at IS 'When it went on after its last pause; NULL = it never paused.';
COMMENT ON COLUMN triage.clocks.segment IS 'Number of the segment it is in, see clock_segments; NULL = 1.';
COMMENT ON COLUMN triage.clocks.extended_by IS 'By how much somebody extended it (延期); NULL = not at all.';

COMMENT ON TABLE triage.clock_segments IS 'Stretches a clock ran or stood (时限区段), measured when each ended, so that later calendars and policies do not judge the past again. Appended to, never changed.';
COMMENT ON COLUMN triage.clock_segments.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.clock_segments.clock_id IS 'clocks.clock_id.';
COMMENT ON COLUMN triage.clock_segments.segment IS 'Counts the clock''s segments from 1.';
COMMENT ON COLUMN triage.clock_segments.state IS 'running 计时 | paused 暂停.';
COMMENT ON COLUMN triage.clock_segments.started_at IS 'Its beginning.';
COMMENT ON COLUMN triage.clock_segments.ended_at IS 'Its end.';
COMMENT ON COLUMN triage.clock_segments.work IS 'Time of the clock that passed in it: working time with a calendar, else all; in hours and smaller units.';
COMMENT ON COLUMN triage.clock_segments.policy_version IS 'clocks.policy_version then.';
COMMENT ON COLUMN triage.clock_segments.calendar_version IS 'calendars.version it was measured with; NULL without calendar.';

COMMENT ON TABLE triage.clock_steps IS 'Ladder steps that fired (已触发的升级步骤), each once: the key stops a second firing. Written by the timekeeper and tick(). Appended to, never changed.';
COMMENT ON COLUMN triage.clock_steps.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.clock_steps.clock_id IS 'clocks.clock_id.';
COMMENT ON COLUMN triage.clock_steps.step IS 'policy_steps.step.';
COMMENT ON COLUMN triage.clock_steps.occurrence IS '0 the first time, more when it repeats; repetitions missed altogether leave a gap.';
COMMENT ON COLUMN triage.clock_steps.colour IS 'policy_steps.colour then; NULL = it had none.';
COMMENT ON COLUMN triage.clock_steps.action IS 'policy_steps.action then: remind 提醒 | urge 催办 | supervise 督办 | escalate 上报 | police_backup 公安跟进 | alert 提醒指挥员.';
COMMENT ON COLUMN triage.clock_steps.department IS 'departments.code that was told, or that came as backup; NULL = nobody, such as police who took part already.';
COMMENT ON COLUMN triage.clock_steps.due_at IS 'When this step was due (not the clock''s limit).';
COMMENT ON COLUMN triage.clock_steps.fired_at IS 'When it fired.';
COMMENT ON COLUMN triage.clock_steps.lateness IS 'fired_at less due_at, never negative: late is late, not lost.';
COMMENT ON COLUMN triage.clock_steps.collapsed IS 'A later step was due as well and told the same people more: no notice was sent for this one.';

COMMENT ON TABLE triage.events IS 'History of cases (案件历史), hash-chained per case. Appended to, never changed. Personal values never stand in it.';
COMMENT ON COLUMN triage.events.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.events.seq IS 'Counts the case''s events from 1, without gaps.';
COMMENT ON COLUMN triage.events.at IS 'When it was recorded, by triage.clock(); within a case it never goes back.';
COMMENT ON COLUMN triage.events.actor IS 'Name of the role that acted, as triage.actor() gives it.';
COMMENT ON COLUMN triage.events.verb IS 'report 受理, the name of a verb, or what the database does by itself: step 升级步骤, police_backup 公安跟进, withdraw 撤回, inform 告知, repeat = a folded report.';
COMMENT ON COLUMN triage.events.data IS 'What happened, an object by verb; common keys: note, request_id (triage.request_id), department, assignment, duty, happened_at (when in the field, if not at once), body, outcome, reason. What it changed: set {column of cases: its new value, null for none}, parts [{seq, status, and department, duty, by (parent_seq) of a new one}]; read in order, the events of a case give its row and its assignments. A report tells its own columns directly, and in parts who takes part beside the lead.';
COMMENT ON SEQUENCE triage.events_pos_seq IS 'Positions of events; see changes(). On a copy made by logical replication set it beyond the greatest pos before anything is written there.';
COMMENT ON COLUMN triage.events.pos IS 'Where it stands among all events, drawn when it was written: the cursor of changes(). Numbers that were rolled back are missing; of events of one case the later has the greater.';
COMMENT ON COLUMN triage.events.hash IS 'SHA-256, 32 bytes, over: byte 1; hash of the event before (zeros for the first); case_id, seq, at in microseconds since 2000-01-01 UTC, big-endian; actor, verb, data as walked jsonb, each after its length; length 0 for personal fields.';

COMMENT ON TABLE triage.deliveries IS 'The outbox (发件箱): what is sent over HTTP, fixed when the event happens; at least once, those of one case to one endpoint in order. Queued by intake, verbs and ladders, sent by the courier.';
COMMENT ON COLUMN triage.deliveries.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.deliveries.delivery_id IS 'UUID version 7; the same on every attempt: webhook-id and CloudEvents id.';
COMMENT ON COLUMN triage.deliveries.endpoint IS 'endpoints.code.';
COMMENT ON COLUMN triage.deliveries.event_seq IS 'events.seq it tells of.';
COMMENT ON COLUMN triage.deliveries.type IS 'assigned 派单 | triage 待研判 | result 反馈结果 | withdrawn 撤回 | remind 提醒 | urge 催办 | supervise 督办 | escalate 上报 | alert 提醒指挥员; the CloudEvents type is pg_triage. and this.';
COMMENT ON COLUMN triage.deliveries.state IS 'queued 待发 | leased 发送中 = the courier has it | delivered 已送达 | dead 死信 = refused, or endpoints.max_attempts used up; replay_delivery() sends it again | cancelled 取消.';
COMMENT ON COLUMN triage.deliveries.attempts IS 'Attempts so far; counted when the courier leases it.';
COMMENT ON COLUMN triage.deliveries.created_at IS 'When it was queued.';
COMMENT ON COLUMN triage.deliveries.next_attempt_at IS 'Not to be tried before.';
COMMENT ON COLUMN triage.deliveries.leased_until IS 'Until when the courier''s attempt may take, then another is made; NULL = not leased.';
COMMENT ON COLUMN triage.deliveries.done_at IS 'When it was delivered, given up or cancelled; NULL = still to do.';
COMMENT ON COLUMN triage.deliveries.last_status IS 'HTTP status of the last answer; NULL = none came.';
COMMENT ON COLUMN triage.deliveries.last_error IS 'Why the last attempt failed; NULL = it did not.';
COMMENT ON COLUMN triage.deliveries.method IS 'POST, PUT or PATCH; NULL = POST.';
COMMENT ON COLUMN triage.deliveries.path IS 'Behind the path of endpoints.url, whose query is left out then; NULL = the url as it is. For requests to interfaces of other systems.';
COMMENT ON COLUMN triage.deliveries.payload IS 'The body that is sent, in the endpoint''s format; holds neither name nor number of a caller.';

COMMENT ON TABLE triage.links IS 'Ties between cases (关联案件). Details are default, not official; no caller or source is lost (F80).';
COMMENT ON COLUMN triage.links.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.links.linked_case IS 'case_id of the other case.';
COMMENT ON COLUMN triage.links.kind IS 'duplicate 重复 | related 相关 | follow_up 后续 (SEED2 SEED3) | part_of 子任务.';
COMMENT ON COLUMN triage.links.at IS 'When they were tied.';
COMMENT ON COLUMN triage.links.rule IS 'repeat_rules.code that found it; NULL = a person did, with link_case().';
COMMENT ON COLUMN triage.links.rule_version IS 'Rulebook version the rule stood in: rule_history tells how it read.';
COMMENT ON INDEX triage.links_back_idx IS 'Who is linked to a case?';
COMMENT ON INDEX triage.case_sources_contact_idx IS 'Reports of one contact or device by time: caller() and repeats.';

COMMENT ON TABLE triage.suggestions IS 'Cases that may be the same matter (疑似同一事项), at most three for a case, as found right after its intake: shown by explain(), never acted upon by themselves. similar() ranks anew. None are made for cases of a bulk load (2,000 and more that wait) or older than a day.';
COMMENT ON COLUMN triage.suggestions.case_id IS 'cases.case_id of the later case.';
COMMENT ON COLUMN triage.suggestions.linked_case IS 'case_id of the earlier one.';
COMMENT ON COLUMN triage.suggestions.score IS '0 to 1, at least the rule''s min_score.';
COMMENT ON COLUMN triage.suggestions.reason IS 'What speaks for and against, as in type similar_row.';
COMMENT ON COLUMN triage.suggestions.rule IS 'repeat_rules.code with same = matter.';
COMMENT ON COLUMN triage.suggestions.rule_version IS 'Rulebook version the rule stood in.';
COMMENT ON COLUMN triage.suggestions.at IS 'When it was found.';

COMMENT ON TABLE triage.case_signatures IS 'By what similar cases are found, a row a case, made by the timekeeper or tick() after intake. Values as they were then: ranking reads the case itself. Holds no text and no number of a person. Not dumped: a restored server makes it anew.';
COMMENT ON COLUMN triage.case_signatures.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.case_signatures.reported_at IS 'cases.reported_at.';
COMMENT ON COLUMN triage.case_signatures.case_type IS 'case_types.code; NULL = undecided.';
COMMENT ON COLUMN triage.case_signatures.cell IS 'Number of the grid cell (0.0025 degrees, 278 m in latitude) the place lies in; NULL = no place.';
COMMENT ON COLUMN triage.case_signatures.location IS 'x = longitude, y = latitude (WGS84).';
COMMENT ON COLUMN triage.case_signatures.signature IS 'Up to 48 hashes of neighbouring characters and words of the text, a sample by MinHash (bottom-k); NULL = no text.';
COMMENT ON TABLE triage.signatures_due IS 'Cases that changed since they were signed, put here by verbs and taken out by the timekeeper or tick(), which sign them anew and look for duplicates anew. Not dumped.';
COMMENT ON COLUMN triage.signatures_due.case_id IS 'cases.case_id.';
COMMENT ON INDEX triage.case_signatures_text_idx IS 'Cases that share a hash.';
COMMENT ON INDEX triage.case_signatures_cell_idx IS 'Newest cases of a cell.';
COMMENT ON INDEX triage.case_signatures_type_idx IS 'Newest cases of a type in a cell.';

COMMENT ON TABLE triage.text_weights IS 'How often parts of texts occur, counted over the newest 8,192 texts when twice as many have come: what is rare tells matters apart. One row; not dumped, counted anew.';
COMMENT ON COLUMN triage.text_weights.one IS 'Always true: there is one row.';
COMMENT ON COLUMN triage.text_weights.version IS 'Rises with each count; sessions read the value anew.';
COMMENT ON COLUMN triage.text_weights.at IS 'When it was counted.';
COMMENT ON COLUMN triage.text_weights.cases IS 'Cases with a text that had been signed then.';
COMMENT ON COLUMN triage.text_weights.value IS 'Hashes that occur in two texts or more, with counts, and a checksum (extension/text/minhash.c); a damaged one weighs nothing.';

COMMENT ON TABLE triage.contact_secret IS 'The key of contact digests, random, made when the first contact comes. Granted to nobody. Dumped: the contacts are too, and a restored database must know its callers.';
COMMENT ON COLUMN triage.contact_secret.one IS 'Always true: there is one row.';
COMMENT ON COLUMN triage.contact_secret.key IS '32 random bytes.';

COMMENT ON TABLE triage.repeat_rules IS 'What counts as a repeat (重复), and how far likely duplicates are looked for. For each kind of sameness one rule holds for a case: that of its channel before one without, then that of its type or the nearest above it, then by code. Defaults, not official.';
COMMENT ON COLUMN triage.repeat_rules.code IS 'Name of the rule.';
COMMENT ON COLUMN triage.repeat_rules.same IS 'person 同一联系人 (contact) | place 同一地点 (within radius_m) | reference 同一编号 (on another channel) | sensor 同一设备 (channel of kind sensor, reporter) : repeats, linked at intake; matter 疑似同一事项: likely duplicates, suggested.';
COMMENT ON COLUMN triage.repeat_rules.case_type IS 'case_types.code this holds for and all below it; NULL = every case.';
COMMENT ON COLUMN triage.repeat_rules.channel IS 'channels.code of the later report; NULL = every channel.';
COMMENT ON COLUMN triage.repeat_rules.days IS 'How far back earlier cases count, days.';
COMMENT ON COLUMN triage.repeat_rules.radius_m IS 'How far away, meters; needed for place and matter, else NULL.';
COMMENT ON COLUMN triage.repeat_rules.min_score IS 'For matter: the least score, 0 to 1, that is shown to the operator; else NULL.';
COMMENT ON COLUMN triage.repeat_rules.same_group IS 'true = only cases of the same group of types are repeats.';
COMMENT ON COLUMN triage.repeat_rules.kind IS 'links.kind of a repeat: related | duplicate.';
COMMENT ON COLUMN triage.repeat_rules.raise_at IS 'From so many reports on, the new one counted, a case is more urgent by one, never above U2; NULL = never. 3 = the third report (F33).';
COMMENT ON COLUMN triage.repeat_rules.fold IS 'true = report() adds the repeat to the open case it repeats and returns that one; only for a rule with a channel. Otherwise nothing is ever merged unasked.';
COMMENT ON COLUMN triage.repeat_rules.zh IS 'The rule in Chinese.';
COMMENT ON COLUMN triage.repeat_rules.en IS 'The rule in English.';
COMMENT ON COLUMN triage.repeat_rules.basis IS 'Source; D = default, not official.';
COMMENT ON COLUMN triage.repeat_rules.active IS 'false = retired.';
COMMENT ON COLUMN triage.repeat_rules.pack IS 'packs.code that brought the row, NULL = this installation''s own.';

COMMENT ON TABLE triage.callbacks IS 'Return calls (回访) to citizens, a row for each try. Written by call_back().';
COMMENT ON COLUMN triage.callbacks.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.callbacks.seq IS 'Counts within the case, from 1.';
COMMENT ON COLUMN triage.callbacks.at IS 'When the call was made.';
COMMENT ON COLUMN triage.callbacks.actor IS 'Who called: independent of the handler.';
COMMENT ON COLUMN triage.callbacks.result IS 'satisfied 满意 | dissatisfied 不满意 | unreachable 未接通.';
COMMENT ON COLUMN triage.callbacks.body IS 'What the citizen said, or NULL.';

COMMENT ON TABLE triage.evidence IS 'References to photos, recordings and documents (证据材料) of a case. Written by add_evidence().';
COMMENT ON COLUMN triage.evidence.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.evidence.seq IS 'Counts within the case, from 1.';
COMMENT ON COLUMN triage.evidence.event_seq IS 'events.seq of the event that added it.';
COMMENT ON COLUMN triage.evidence.at IS 'When it was added.';
COMMENT ON COLUMN triage.evidence.by IS 'Who added it.';
COMMENT ON COLUMN triage.evidence.kind IS 'Photo, recording, agreement ...: the installation''s own words.';
COMMENT ON COLUMN triage.evidence.uri IS 'Where it lies.';
COMMENT ON COLUMN triage.evidence.sha256 IS 'SHA-256 of the file, 32 bytes: what lies there later can be checked.';
COMMENT ON COLUMN triage.evidence.bytes IS 'Size of the file, or NULL.';
COMMENT ON COLUMN triage.evidence.mime IS 'Media type, or NULL.';
COMMENT ON COLUMN triage.evidence.taken_at IS 'When it was taken, or NULL.';
COMMENT ON COLUMN triage.evidence.location IS 'Where it was taken: x = longitude, y = latitude (WGS84), or NULL.';

COMMENT ON TABLE triage.corrections IS 'Old values of corrected fields (更正记录); personal, so they stand here and not in the history. Written by correct().';
COMMENT ON COLUMN triage.corrections.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.corrections.seq IS 'Counts within the case, from 1.';
COMMENT ON COLUMN triage.corrections.event_seq IS 'events.seq of the event.';
COMMENT ON COLUMN triage.corrections.at IS 'When.';
COMMENT ON COLUMN triage.corrections.actor IS 'Who.';
COMMENT ON COLUMN triage.corrections.field IS 'Column of triage.cases.';
COMMENT ON COLUMN triage.corrections.old_value IS 'As it was, as text; NULL = empty.';
COMMENT ON COLUMN triage.corrections.new_value IS 'As it is now, as text; NULL = emptied.';
COMMENT ON COLUMN triage.corrections.reason IS 'Why.';

COMMENT ON TABLE triage.rulings IS 'What joint meetings decided about whose duty a kind of matter is (会商裁定, F80). Binds request_return() until review_on. Written by decide_return().';
COMMENT ON INDEX triage.rulings_binding_idx IS 'request_return() asks whether a ruling binds the lead.';
COMMENT ON COLUMN triage.rulings.case_id IS 'cases.case_id of the case that was argued over.';
COMMENT ON COLUMN triage.rulings.seq IS 'events.seq of the decision.';
COMMENT ON COLUMN triage.rulings.at IS 'When.';
COMMENT ON COLUMN triage.rulings.actor IS 'Who recorded it.';
COMMENT ON COLUMN triage.rulings.case_type IS 'The kind of matter it is about.';
COMMENT ON COLUMN triage.rulings.area IS 'Where it binds.';
COMMENT ON COLUMN triage.rulings.department IS 'Whose duty it is.';
COMMENT ON COLUMN triage.rulings.decision IS 'The meeting''s words.';
COMMENT ON COLUMN triage.rulings.review_on IS 'Binds until this day: a year, a default.';
COMMENT ON COLUMN triage.rulings.route IS 'The ruling as a rule: a document for apply_pack().';

COMMENT ON TABLE triage.quarantine IS 'Cases whose due step failed (隔离案件): set aside with the reason, so that others go on, and tried again. Written by the timekeeper and tick(); a row goes once nothing of its case is due.';
COMMENT ON COLUMN triage.quarantine.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.quarantine.since IS 'First failure.';
COMMENT ON COLUMN triage.quarantine.tries IS 'Failures so far.';
COMMENT ON COLUMN triage.quarantine.retry_at IS 'Left alone until then: 30 s after the first failure, doubling up to 16 min.';
COMMENT ON COLUMN triage.quarantine.sqlstate IS 'SQLSTATE of the last failure.';
COMMENT ON COLUMN triage.quarantine.reason IS 'Message of the last failure.';

COMMENT ON TABLE triage.intake_errors IS 'What could not be taken in from an attached table (受理失败): a host''s write never fails because of us. retry_intake() tries again.';
COMMENT ON COLUMN triage.intake_errors.error_id IS 'Identity.';
COMMENT ON COLUMN triage.intake_errors.at IS 'When it failed.';
COMMENT ON COLUMN triage.intake_errors.case_id IS 'The case concerned, where one exists; NULL = none.';
COMMENT ON COLUMN triage.intake_errors.stage IS 'What was being done when it failed.';
COMMENT ON COLUMN triage.intake_errors.sqlstate IS 'SQLSTATE of the error.';
COMMENT ON COLUMN triage.intake_errors.message IS 'Its message.';
COMMENT ON COLUMN triage.intake_errors.payload IS 'What was to be taken in, for another try; may hold personal data.';
COMMENT ON COLUMN triage.intake_errors.retried_at IS 'Last retry; NULL = none yet.';
COMMENT ON COLUMN triage.intake_errors.result IS 'What became of the retry; NULL = none yet.';

COMMENT ON TABLE triage.local_state IS 'What belongs to this server alone and does not travel with a dump (本机状态).';
COMMENT ON COLUMN triage.local_state.key IS 'hold = workers neither fire nor send, since cases or deliveries of a dump were loaded | stopped = workers leave | timekeeper, courier = the worker''s process | format:ENDPOINT = its format is set aside.';
COMMENT ON COLUMN triage.local_state.value IS 'Process id of the worker; with hold and format the reason.';
COMMENT ON COLUMN triage.local_state.at IS 'When it was set.';

-- ---- sequences, indexes, triggers -----------------------------------------------

COMMENT ON SEQUENCE triage.cases_case_id_seq IS 'Numbers cases; report() draws from it before it inserts.';
COMMENT ON SEQUENCE triage.intake_errors_error_id_seq IS 'Numbers intake errors.';

COMMENT ON INDEX triage.areas_boundary_idx IS 'Which areas may hold a point.';
COMMENT ON INDEX triage.rule_history_idx IS 'Rows of one table as of a version.';
COMMENT ON INDEX triage.cases_reported_idx IS 'Cases of a period: counts, rates, lists.';
COMMENT ON INDEX triage.cases_open_idx IS 'Open cases of an area: board, risk list, same matter.';
COMMENT ON INDEX triage.case_sources_token_idx IS 'status_by_token(); a token opens one source.';
COMMENT ON INDEX triage.assignments_one_lead_idx IS 'At most one live lead (牵头单位) a case (SEED4 F80).';
COMMENT ON INDEX triage.assignments_live_idx IS 'inbox(): a department''s live parts, the next deadline first, so that a page costs the same however many cases are open.';
COMMENT ON INDEX triage.clocks_due_idx IS 'The timekeeper: earliest step still to fire, then those due.';
COMMENT ON INDEX triage.deliveries_id_idx IS 'A delivery by its id: replay, cancel.';
COMMENT ON INDEX triage.deliveries_queue_idx IS 'The courier: what waits for each endpoint, earliest first.';

COMMENT ON TRIGGER zz_intake_before ON triage.cases IS 'Places, classifies and routes each new row; the name sorts behind an installation''s own BEFORE triggers.';
COMMENT ON TRIGGER zz_intake_after ON triage.cases IS 'Writes all that follows from the new rows: sources, decisions, assignments, clocks, events, deliveries.';

-- the same on many tables, and what other parts add
DO $$
DECLARE
	o	record;
BEGIN
	FOR o IN
		SELECT format('COLUMN triage.%I.%I', c.relname, a.attname) AS what, w.words
		FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid
		JOIN (VALUES
			('active', 'false = retired (停用): as if the row were not there; rows are retired, not deleted, so that old cases can be read.'),
			('pack', 'packs.code of the rule pack that brought the row; NULL = this installation''s own, which packs leave alone.')
		) w (name, words) ON w.name = a.attname
		WHERE c.relnamespace = 'triage'::regnamespace AND c.relkind = 'r' AND col_description(c.oid, a.attnum) IS NULL
		UNION ALL
		SELECT format('TRIGGER %I ON triage.%I', t.tgname, c.relname), w.words
		FROM pg_trigger t
		JOIN pg_class c ON c.oid = t.tgrelid
		JOIN (VALUES
			('config_insert', 'Raises the rulebook version: see config_changed().'),
			('config_update', 'Raises the rulebook version and keeps the old rows: see config_changed().'),
			('config_delete', 'Raises the rulebook version and keeps the old rows: see config_changed().'),
			('config_truncate', 'Refuses TRUNCATE, which would leave no history.'),
			('append_only', 'Refuses UPDATE and DELETE: history is appended to.'),
			('no_truncate', 'Refuses TRUNCATE.'),
			('store_image', 'Stores the image of the rulebook when a change commits: see store_image().'),
			('restore_rulebook', 'A dumped row raises the version of the one that is there: see restore_rulebook().'),
			('check_condition', 'Refuses a condition that does not compile (TR004).'),
			('check_tie', 'Refuses two routes that nothing but chance would choose between (TR004).')
		) w (name, words) ON w.name = t.tgname
		WHERE c.relnamespace = 'triage'::regnamespace AND NOT t.tgisinternal
			AND obj_description(t.oid, 'pg_trigger') IS NULL
		UNION ALL
		SELECT format('INDEX triage.%I', c.relname), 'check_route_tie(): routes of the same rank.'
		FROM pg_class c
		WHERE c.relnamespace = 'triage'::regnamespace AND c.relname = 'routes_rank_idx'
			AND obj_description(c.oid, 'pg_class') IS NULL
	LOOP
		EXECUTE format('COMMENT ON %s IS %L', o.what, o.words);
	END LOOP;
END
$$;

DO $$
DECLARE
	t	text;
	op	text;
BEGIN
	FOREACH t IN ARRAY ARRAY['calendar_hours', 'calendar_days'] LOOP
		FOREACH op IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
			EXECUTE format('COMMENT ON TRIGGER %I ON triage.%I IS %L', 'calendar_' || op, t,
				'Other hours or days: raises the version of the calendars concerned, so that running clocks follow.');
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON INDEX triage.deliveries_failed_idx IS 'Dead letters (死信) by endpoint, for health() and replay_deliveries().';
COMMENT ON TRIGGER configured_by ON triage.endpoints IS 'Notes who configured the endpoint: a format function runs as this role.';
