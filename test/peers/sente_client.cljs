;; A Sente client as Sente 1.21 speaks, over WebSocket or Ajax; it shares no code with this package.
;;
;;   nbb sente_client.cljs [ws|ajax http://host:port/chsk [options]]
;;
;; Takes one command a line on stdin and says one observation a line on stdout, both EDN (README.md lists them).
;; Always: it believes nothing that it does not check. A wrapper without its nil, a push that is no batch, a reply nobody
;; waits for are said as such. One client at a time, with one client id for its whole life; nothing of one that was stopped
;; is said any more. It ends when stdin does.
(ns sente-client
  (:require ["node:readline" :as readline]
            ["ws" :refer [WebSocket]]
            [cljs.reader :as reader]
            [clojure.string :as str]))

;; :client and :line count those that were started; what belongs to an older one is void.
(def state (atom {:client 0 :line 0}))

(defn option [k] (get-in @state [:options k]))

(defn say! [observation] (println (pr-str observation)))

(declare connect! transmit!)

;; Wire

(defn unpack
  "[value cb], or nil where that cannot be read; says what is odd about it."
  [text]
  (let [message (try (reader/read-string text) (catch :default _ ::unreadable))]
    (cond
      (= message ::unreadable) (say! [:unreadable text])
      (and (vector? message) (= 2 (count message))) message
      :else (do (say! [:odd-wrapper message])
                (when (vector? message) [(first message) nil])))))

(defn event? [value]
  (and (vector? value) (<= 1 (count value) 2) (qualified-keyword? (first value))))

(defn handshake? [value]
  (and (vector? value) (= :chsk/handshake (first value))))

(defn query [pairs]
  (str/join "&" (for [[k v] pairs] (str (js/encodeURIComponent (name k)) "=" (js/encodeURIComponent (str v))))))

;; Lines

(defn mine
  "f, as long as the client is the one that it is now."
  [f]
  (let [client (:client @state)]
    (fn [x] (when (= client (:client @state)) (f x)))))

(defn clock! [ms f] (js/setTimeout (mine f) ms))

(defn current? [line] (= line (:line @state)))

(defn opened! [[_ inner]]
  (let [first? (not (:ever? @state))]
    (swap! state assoc :open? true :ever? true :attempt 0)
    (say! [:handshake inner first? (:client-id @state)])))

(defn closed! [reason & detail]
  (when (:open? @state) (say! (into [:closed reason] detail)))
  (swap! state assoc :open? false))

(defn retry!
  "The first try comes at once, the n-th after 2^(n-1) to 2^n seconds."
  []
  (let [attempt (:attempt (swap! state update :attempt inc))
        span (js/Math.pow 2 (min attempt 36))
        wait-ms (if (= attempt 1) 0 (js/Math.floor (* 500 (+ span (rand-int span)))))
        line (:line @state)]
    (clock! wait-ms (fn [_] (when (current? line) (connect!))))))

(defn drop-line!
  "Whatever the old line still says is not heard."
  [reason]
  (let [{:keys [socket abort]} @state]
    (swap! state update :line inc)
    (closed! reason)
    (swap! state assoc :socket nil :abort nil)
    (some-> socket (.close 1000 "CLOSE_NORMAL"))
    (some-> abort (.abort))))

(defn reconnect! [reason]
  (drop-line! reason)
  (swap! state assoc :attempt 0)
  (connect!))

;; Receiving

(defn receive-batch! [value]
  (if (and (vector? value) (seq value) (every? event? value) (not-any? #(= "chsk" (namespace (first %))) value))
    (say! [:push value])
    (say! [:not-a-batch value])))

(defn settle! [cb value]
  (if-let [f (get-in @state [:callbacks cb])]
    (do (swap! state update :callbacks dissoc cb)
        (f value))
    (say! [:unknown-callback cb value])))

(defn receive-ws! [text]
  (swap! state update :traffic inc)
  (when-let [[value cb] (unpack text)]
    (cond
      (handshake? value) (opened! value)
      (= value :chsk/ws-ping) (do (.send (:socket @state) (pr-str [[:chsk/ws-pong] nil]))
                                  (say! [:ws-ping]))
      cb (settle! cb value)
      :else (receive-batch! value))))

;; WebSocket

(defn keep-alive!
  "Pings where nothing was sent or received for half of ws-kalive-ms."
  [line]
  (let [traffic (:traffic @state)]
    (clock! (quot (option :ws-kalive-ms) 2)
            #(when (current? line)
               (if (= traffic (:traffic @state))
                 (transmit! [:chsk/ws-ping] (option :ws-ping-timeout-ms)
                            (fn [value]
                             (say! [:pong value])
                             (when (current? line)
                               (if (= value "pong") (keep-alive! line) (reconnect! :ws-ping-timeout)))))
                 (keep-alive! line))))))

(defn connect-ws! [line]
  (let [address (str (str/replace (:url @state) #"^http" "ws") "?" (query (concat (option :params) {:client-id (:client-id @state)})))
        socket (WebSocket. address (clj->js {:headers (option :headers)}))]
    (swap! state assoc :socket socket)
    (.on socket "message" (fn [data binary?]
                            (when (current? line)
                              (if binary? (say! [:binary-frame]) (receive-ws! (str data))))))
    ;; A refused upgrade; "close" comes behind it.
    (.on socket "error" (mine #(say! [:ws-error (.-message %)])))
    (.on socket "close" (fn [code]
                          (when (current? line)
                            (closed! (if (= code 1000) :clean :unexpected) code)
                            (retry!))))
    (keep-alive! line)))

(defn send-ws! [event timeout-ms f]
  (let [cb (when f (subs (str (random-uuid)) 0 6))]
    (when cb
      (swap! state assoc-in [:callbacks cb] f)
      (clock! timeout-ms #(when (get-in @state [:callbacks cb]) (settle! cb :chsk/timeout))))
    (swap! state update :traffic inc)
    (.send (:socket @state) (pr-str [event cb]))))

;; Ajax

(defn ajax
  "Promise of the text of a 2xx answer, whatever its content type says."
  [method address headers body timeout-ms]
  (let [abort (js/AbortController.)
        timer (clock! timeout-ms #(.abort abort "timeout"))
        all (merge {:x-requested-with "XMLHTTPRequest"} headers (option :headers))]
    (when (= method "GET") (swap! state assoc :abort abort))
    (-> (js/fetch address (clj->js (cond-> {:method method :headers all :signal (.-signal abort)} body (assoc :body body))))
        (.then #(if (.-ok %) (.text %) (throw (js/Error. (str "HTTP " (.-status %))))))
        (.finally #(js/clearTimeout timer)))))

(defn poll! [line]
  (let [asks? (not (:open? @state))
        params (cond-> {:client-id (:client-id @state) :udt (js/Date.now)} asks? (assoc :handshake? 1))]
    (-> (ajax "GET" (str (:url @state) "?" (query (concat (option :params) params)))
              ;; What an XHR makes of the token that is not there.
              {:x-csrf-token "null"} nil (option :ajax-timeout-ms))
        (.then (fn [text]
                 (when (current? line)
                   (if-let [[value cb] (unpack text)]
                     (do (when (some? cb) (say! [:odd-wrapper [value cb]]))
                         (swap! state assoc :attempt 0)
                         (cond
                           (handshake? value) (opened! value)
                           asks? (throw (js/Error. (str "no handshake but " (pr-str value))))
                           (= value :chsk/timeout) (say! [:poll-timeout])
                           :else (receive-batch! value))
                         (poll! line))
                     (throw (js/Error. "unreadable"))))))
        (.catch (fn [error]
                  (when (current? line)
                    (if (= error "timeout")
                      (poll! line)
                      (do (closed! :unexpected (or (some-> error .-cause .-code) (.-message error)))
                          (retry!)))))))))

(defn post!
  "Promise of the value in the answer to what is packed already. An answer opens what an error closed."
  [ppstr timeout-ms]
  (let [line (:line @state)]
    (-> (ajax "POST" (:url @state) {:content-type "application/x-www-form-urlencoded;charset=UTF-8"}
              (query {:udt (js/Date.now) :client-id (:client-id @state) :ppstr ppstr}) timeout-ms)
        (.then (fn [text]
                 (if-let [[value cb] (unpack text)]
                   (do (when (some? cb) (say! [:odd-wrapper [value cb]]))
                       (when (current? line) (swap! state assoc :open? true))
                       value)
                   (throw (js/Error. "unreadable"))))))))

(defn send-ajax! [event timeout-ms f]
  (-> (post! (pr-str [event (when f :ajax)]) timeout-ms)
      (.then (mine #(cond
                      f (f %)
                      (= % :chsk/dummy-cb-200) (say! [:posted])
                      :else (say! [:not-a-dummy %])))
             (mine (fn [error]
                     (if (= error "timeout")
                       (when f (f :chsk/timeout))
                       (do (closed! :unexpected (.-message error))
                           (when f (f :chsk/error)))))))))

;; Both

(defn connect! []
  (let [line (:line (swap! state update :line inc))]
    (case (:transport @state)
      :ws (connect-ws! line)
      :ajax (poll! line))))

(defn transmit! [event timeout-ms f]
  (cond
    (not (:open? @state)) (if f (f :chsk/closed) (say! [:not-sent event]))
    (= :ws (:transport @state)) (send-ws! event timeout-ms f)
    :else (send-ajax! event timeout-ms f)))

(defn start! [transport url options]
  (swap! state merge
         {:transport transport :url url :client-id (str (random-uuid))
          :options (merge {:params {} :headers {} :ws-kalive-ms 20000 :ws-ping-timeout-ms 5000 :ajax-timeout-ms 60000} options)
          :open? false :ever? false :attempt 0 :traffic 0 :callbacks {}})
  (connect!))

(defn stop! []
  (swap! state #(-> % (update :client inc) (assoc :open? false)))
  (drop-line! :requested-disconnect)
  (say! [:stopped]))

(defn command! [[verb a b c]]
  (case verb
    :start (start! a b c)
    :stop (stop!)
    :send (transmit! a (option :ajax-timeout-ms) nil)
    :request (transmit! b (or c 20000) #(say! [:reply a %]))
    ;; Whether the value comes back equal, by ClojureScript's equality, is said beside it.
    :echo (transmit! [:test/echo b] 20000 #(say! [:echo a (= b %) %]))
    :raw (if (= :ws (:transport @state))
           (.send (:socket @state) a)
           (.then (post! a 20000) (mine #(say! [:answer %])) (mine #(say! [:refused (.-message %)]))))
    :break (.close (:socket @state) 3000 "CLOSE_ABNORMAL")
    :disconnect (drop-line! :requested-disconnect)
    :reconnect (reconnect! :requested-reconnect)))

(let [lines (readline/createInterface #js {:input js/process.stdin})]
  (.on lines "line" #(command! (reader/read-string %)))
  (.on lines "close" #(js/process.exit 0)))
(let [[transport url options] *command-line-args*]
  (when url (start! (keyword transport) url (some-> options reader/read-string))))
